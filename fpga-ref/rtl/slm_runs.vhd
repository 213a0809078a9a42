-- slm_runs: the bookkeeping of runs. From a tensor's run length and number of runs, and a scale for each run, it makes one descriptor for
-- every group of LANES weights: how many of them count, how many bytes of the stream they need and take (slm_gearbox), whether they end
-- the run or the tensor, and the run's scale. A run's last group takes all that is left of the run, padding included.
-- One descriptor a clock, also from tensor to tensor; latency 1.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_runs is
  generic (
    LANES     : positive := 128; -- weights a group
    C         : positive := 1;
    UNIT_BITS : positive := 4;   -- bits that a further block of C weights adds to the stream: R, or k
    TAIL_BITS : natural  := 12   -- bits a stream has beyond its blocks' units: 0, or K - k
  );
  port (
    clk          : in  std_logic;
    rst          : in  std_logic;
    t_valid      : in  std_logic; -- a tensor
    t_ready      : out std_logic;
    t_run_length : in  std_logic_vector(31 downto 0); -- at least 1
    t_runs       : in  std_logic_vector(31 downto 0); -- at least 1
    c_valid      : in  std_logic; -- a scale, one a run
    c_ready      : out std_logic;
    c_scale      : in  std_logic_vector(15 downto 0);
    d_valid      : out std_logic;
    d_ready      : in  std_logic;
    d_need       : out std_logic_vector(7 downto 0);
    d_take       : out std_logic_vector(7 downto 0);
    d_count      : out std_logic_vector(15 downto 0);
    d_last       : out std_logic; -- of the run
    d_end        : out std_logic; -- of the tensor
    d_scale      : out std_logic_vector(15 downto 0)
  );
end entity;

architecture rtl of slm_runs is
  constant BEAT : positive := LANES / C * UNIT_BITS / 8;
  constant NEED : positive := (LANES / C * UNIT_BITS + TAIL_BITS + 7) / 8;
  constant NW   : positive := slm_clog2(LANES + 1);

  -- Bytes of the last n weights of a run, n = 1 .. LANES.
  type byte_table is array (0 to 2 ** NW - 1) of std_logic_vector(7 downto 0);
  function bytes_of_rest return byte_table is
    variable r : byte_table := (others => (others => '0'));
  begin
    for n in 1 to LANES loop
      r(n) := std_logic_vector(to_unsigned(((n + C - 1) / C * UNIT_BITS + TAIL_BITS + 7) / 8, 8));
    end loop;
    return r;
  end function;
  constant REST : byte_table := bytes_of_rest;

  signal active   : std_logic;
  signal length_q : unsigned(31 downto 0);
  signal left     : unsigned(31 downto 0); -- weights of this run not yet described
  signal runs     : unsigned(31 downto 0); -- runs not yet ended
  signal valid    : std_logic;
  signal last     : std_logic;
  signal ending    : std_logic;
  signal go       : std_logic;
  signal ready    : std_logic;
  signal full     : std_logic;
begin
  valid   <= active and c_valid;
  last    <= '1' when left <= LANES else '0';
  ending   <= '1' when runs = 1 else '0';
  ready   <= d_ready or not full;
  go      <= valid and ready;
  c_ready <= active and ready and last;
  t_ready <= (not active) or (go and last and ending);
  d_valid <= full;

  process (clk)
  begin
    if rising_edge(clk) then
      if ready = '1' then
        full    <= valid;
        d_scale <= c_scale;
        d_last  <= last;
        d_end   <= last and ending;
        if last = '1' then
          d_count <= std_logic_vector(left(15 downto 0));
          d_need  <= REST(to_integer(left(NW - 1 downto 0)));
          d_take  <= REST(to_integer(left(NW - 1 downto 0)));
        else
          d_count <= std_logic_vector(to_unsigned(LANES, 16));
          d_need  <= std_logic_vector(to_unsigned(NEED, 8));
          d_take  <= std_logic_vector(to_unsigned(BEAT, 8));
        end if;
      end if;
      if go = '1' then
        left <= left - LANES;
        if last = '1' then
          left <= length_q;
          runs <= runs - 1;
          if ending = '1' then
            active <= '0';
          end if;
        end if;
      end if;
      if t_valid = '1' and (active = '0' or (go = '1' and last = '1' and ending = '1')) then
        active   <= '1';
        length_q <= unsigned(t_run_length);
        left     <= unsigned(t_run_length);
        runs     <= unsigned(t_runs);
      end if;
      if rst = '1' then
        active <= '0';
        full   <= '0';
      end if;
    end if;
  end process;
end architecture;
