-- slm_hadamard_stage: one butterfly stage of slm_hadamard whose partners lie DEPTH beats apart: of each 2*DEPTH beats the first half is
-- kept, the sums leave while the second half comes, and the differences after it, while the next half comes or alone. Natural order in
-- and out. Latency DEPTH + 1 beats; one beat a clock; no input is needed to bring the last beats out.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_hadamard_stage is
  generic (
    LANES : positive := 4;
    W     : positive := 16; -- bits of an element in; one more out
    DEPTH : positive := 4   -- a power of two
  );
  port (
    clk     : in  std_logic;
    rst     : in  std_logic;
    s_valid : in  std_logic;
    s_ready : out std_logic;
    s_data  : in  std_logic_vector(LANES * W - 1 downto 0);
    s_last  : in  std_logic;
    m_valid : out std_logic;
    m_ready : in  std_logic;
    m_data  : out std_logic_vector(LANES * (W + 1) - 1 downto 0);
    m_last  : out std_logic
  );
end entity;

architecture rtl of slm_hadamard_stage is
  constant AW : positive := slm_max(slm_clog2(DEPTH), 1);
  subtype beat is std_logic_vector(LANES * (W + 1) - 1 downto 0);
  type memory is array (0 to 2 ** AW - 1) of beat; -- two slots for DEPTH = 1, the first in use

  signal kept      : memory;
  signal at        : unsigned(AW - 1 downto 0); -- the slot that the next beat in belongs to
  signal second    : std_logic;                 -- it is of the second half
  signal draining  : std_logic;                 -- differences wait in slots `drain` ..
  signal drain     : unsigned(AW - 1 downto 0);
  signal last_held : std_logic;
  signal valid     : std_logic;
  signal ready     : std_logic;                 -- the output register can be loaded
  signal accept    : std_logic;
  signal free      : std_logic;                 -- slot `at` may be written
  signal held      : beat;
  signal wide      : beat;
  signal sum, difference : beat;
begin
  ready  <= m_ready or not valid;
  free   <= '1' when draining = '0' or drain > at or (drain = at and ready = '1') else '0';
  accept <= free when second = '0' else ready;
  s_ready <= accept;
  m_valid <= valid;
  held    <= kept(to_integer(at));

  lane : for i in 0 to LANES - 1 generate
    wide((i + 1) * (W + 1) - 1 downto i * (W + 1)) <= s_data((i + 1) * W - 1) & s_data((i + 1) * W - 1 downto i * W);
    sum((i + 1) * (W + 1) - 1 downto i * (W + 1)) <= std_logic_vector(unsigned(held((i + 1) * (W + 1) - 1 downto i * (W + 1)))
                                                                      + unsigned(wide((i + 1) * (W + 1) - 1 downto i * (W + 1))));
    difference((i + 1) * (W + 1) - 1 downto i * (W + 1)) <= std_logic_vector(unsigned(held((i + 1) * (W + 1) - 1 downto i * (W + 1)))
                                                                             - unsigned(wide((i + 1) * (W + 1) - 1 downto i * (W + 1))));
  end generate;

  process (clk)
  begin
    if rising_edge(clk) then
      if ready = '1' then
        valid  <= '0';
        m_last <= '0';
        if draining = '1' then
          valid  <= '1';
          m_data <= kept(to_integer(drain));
          if drain = DEPTH - 1 then
            draining <= '0';
            drain    <= (others => '0');
            m_last   <= last_held;
          else
            drain <= drain + 1;
          end if;
        elsif second = '1' and s_valid = '1' then
          valid  <= '1';
          m_data <= sum;
        end if;
      end if;
      if s_valid = '1' and accept = '1' then
        if second = '1' then
          kept(to_integer(at)) <= difference;
        else
          kept(to_integer(at)) <= wide;
        end if;
        if at = DEPTH - 1 then
          at     <= (others => '0');
          second <= not second;
          if second = '1' then
            draining  <= '1';
            last_held <= s_last;
          end if;
        else
          at <= at + 1;
        end if;
      end if;
      if rst = '1' then
        valid    <= '0';
        second   <= '0';
        draining <= '0';
        at       <= (others => '0');
        drain    <= (others => '0');
      end if;
    end if;
  end process;
end architecture;
