-- slm_converter: one lane's way from an integer to a weight: value * 2^exponent * scale (over 2^DIVIDE - 1), rounded once. slm_scale,
-- the product where scales are not all powers of two, and slm_to_float, as the decoders have them, with valid/ready. For lone use, and for
-- checking every (sum, exponent) there is.
-- Latency 1 + slm_float_latency(DIVIDE), + 1 for the product. Throughput one a clock.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_converter is
  generic (
    IN_W   : positive := 21;
    E      : natural  := 4;
    OUTPUT : natural range 1 to 3 := SLM_F16;
    DIVIDE : natural  := 15; -- 0, or n >= 2: divide by 2^n - 1
    POW2   : boolean  := false
  );
  port (
    clk        : in  std_logic;
    rst        : in  std_logic;
    s_valid    : in  std_logic;
    s_ready    : out std_logic;
    s_value    : in  std_logic_vector(IN_W - 1 downto 0); -- two's complement
    s_exponent : in  std_logic_vector(slm_max(E, 1) - 1 downto 0);
    s_scale    : in  std_logic_vector(15 downto 0);       -- bfloat16, positive and finite
    m_valid    : out std_logic;
    m_ready    : in  std_logic;
    m_data     : out std_logic_vector(slm_output_width(OUTPUT, 0) - 1 downto 0)
  );
end entity;

architecture rtl of slm_converter is
  constant WIDE_W  : positive := slm_if(POW2, IN_W, IN_W + 8);
  constant FIRST   : positive := slm_if(POW2, 1, 2); -- stages before slm_to_float
  constant LATENCY : positive := FIRST + slm_float_latency(DIVIDE);
  constant CW      : positive := slm_cap_width(OUTPUT, WIDE_W - 1, DIVIDE);
  constant NB      : positive := WIDE_W - 1 + slm_headroom(OUTPUT, WIDE_W - 1, DIVIDE);
  signal ce          : std_logic_vector(LATENCY - 1 downto 0);
  signal value_0     : std_logic_vector(IN_W - 1 downto 0);
  signal significand : std_logic_vector(7 downto 0);
  signal cap, cap_v  : std_logic_vector(CW - 1 downto 0);
  signal stop, stop_v : std_logic_vector(NB - 1 downto 0);
  signal value_v     : std_logic_vector(WIDE_W - 1 downto 0);
begin
  pipe : entity work.slm_pipe
    generic map (STAGES => LATENCY, USER_W => 1)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_user => "0", m_valid => m_valid, m_ready => m_ready,
              m_user => open, ce => ce);

  of_scale : entity work.slm_scale
    generic map (OUTPUT => OUTPUT, N => WIDE_W - 1, E => E, DIVIDE => DIVIDE, POW2 => POW2)
    port map (clk => clk, ce => ce(0), scale => s_scale, exponent => s_exponent, significand => significand, cap => cap, stop => stop);

  process (clk)
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        value_0 <= s_value;
      end if;
    end if;
  end process;

  same : if POW2 generate
    value_v <= value_0;
    cap_v   <= cap;
    stop_v  <= stop;
  end generate;
  product : if not POW2 generate
    process (clk)
      variable wide : unsigned(WIDE_W - 1 downto 0);
      variable full : unsigned(WIDE_W + 7 downto 0);
    begin
      if rising_edge(clk) then
        if ce(1) = '1' then
          wide := (others => value_0(IN_W - 1));
          wide(IN_W - 1 downto 0) := unsigned(value_0);
          full := wide * unsigned(significand);
          value_v <= std_logic_vector(full(WIDE_W - 1 downto 0));
          cap_v   <= cap;
          stop_v  <= stop;
        end if;
      end if;
    end process;
  end generate;

  convert : entity work.slm_to_float
    generic map (IN_W => WIDE_W, OUTPUT => OUTPUT, DIVIDE => DIVIDE)
    port map (clk => clk, ce => ce(LATENCY - 1 downto FIRST), value => value_v, cap => cap_v, stop => stop_v, result => m_data);
end architecture;
