-- slm_block_decoder: one block record in and its C weights out every clock, weight 0 in the low bits. Two architectures:
-- `plain`, below, reads like the specification and is the definition, for simulation; `optimised` is in slm_block_decoder_optimised.vhd.
-- `m_seed0` says that the record was invalid, its seed 0; the weights mean nothing then.
-- Latency: plain 1 clock; optimised slm_block_latency clocks. Throughput: one block a clock.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;
use work.slm_spec_pkg.all;

entity slm_block_decoder is
  generic (
    K       : positive := 16;
    TAPS    : positive := 4107;
    STEP    : positive := 1;
    W       : positive := 16;
    P       : positive := 3;
    C       : positive := 8;
    E       : natural  := 4;
    B       : positive := 4;
    NORM    : natural range 0 to 1 := 1;
    OUTPUT  : natural  := SLM_F16;
    POW2    : boolean  := false; -- every scale is a power of two
    SHIFTED : boolean  := true   -- SLM_INT: T itself; false: the sum before the shift by the exponent code, which is m_exponent
  );
  port (
    clk        : in  std_logic;
    rst        : in  std_logic;
    s_valid    : in  std_logic;
    s_ready    : out std_logic;
    s_record   : in  std_logic_vector(K + E + P * B - 1 downto 0);
    s_scale    : in  std_logic_vector(15 downto 0); -- bfloat16, positive and finite (not looked at for SLM_INT)
    m_valid    : out std_logic;
    m_ready    : in  std_logic;
    m_data     : out std_logic_vector(C * slm_block_width(OUTPUT, W, B, P, E, SHIFTED) - 1 downto 0);
    m_exponent : out std_logic_vector(slm_max(E, 1) - 1 downto 0);
    m_seed0    : out std_logic
  );
end entity;

architecture plain of slm_block_decoder is
  constant OW : positive := slm_block_width(OUTPUT, W, B, P, E, SHIFTED);
  constant SW : positive := slm_sum_width(W, B, P);
  constant TW : positive := SW + 2 ** E - 1;
  signal valid : std_logic := '0';
  signal ready : std_logic;
begin
  ready   <= m_ready or not valid;
  s_ready <= ready;
  m_valid <= valid;

  process (clk)
    variable state    : unsigned(K - 1 downto 0);
    variable exponent : natural;
    variable q        : signed(B - 1 downto 0);
    variable v        : signed(W downto 0);
    variable sum      : signed(SW - 1 downto 0);
    variable t        : signed(TW - 1 downto 0);
    variable divisor  : positive;
  begin
    if rising_edge(clk) then
      if ready = '1' then
        valid <= s_valid;
        if s_valid = '1' then
          state := unsigned(s_record(K - 1 downto 0));
          m_seed0 <= '0';
          if state = 0 then
            m_seed0 <= '1';
          end if;
          exponent := 0;
          m_exponent <= (others => '0');
          if E > 0 then
            exponent := to_integer(unsigned(s_record(K + E - 1 downto K)));
            m_exponent <= std_logic_vector(to_unsigned(exponent, m_exponent'length));
          end if;
          for i in 0 to C - 1 loop
            sum := (others => '0');
            for p_index in 0 to P - 1 loop
              for n in 1 to STEP loop
                state := slm_spec_step(K, TAPS, state);
              end loop;
              q   := signed(s_record(K + E + (p_index + 1) * B - 1 downto K + E + p_index * B));
              v   := signed('0' & state(K - 1 downto K - W));
              sum := sum + resize(q * (v - 2 ** (W - 1)), SW);
            end loop;
            t := shift_left(resize(sum, TW), exponent);
            if OUTPUT = SLM_INT and SHIFTED then
              m_data((i + 1) * OW - 1 downto i * OW) <= std_logic_vector(t);
            elsif OUTPUT = SLM_INT then
              m_data((i + 1) * OW - 1 downto i * OW) <= std_logic_vector(sum);
            else
              divisor := 1;
              if NORM = 1 then
                divisor := 2 ** (W - 1) - 1;
              end if;
              m_data((i + 1) * OW - 1 downto i * OW) <= slm_spec_round(t, s_scale, divisor, OUTPUT);
            end if;
          end loop;
        end if;
      end if;
      if rst = '1' then
        valid <= '0';
      end if;
    end if;
  end process;
end architecture;
