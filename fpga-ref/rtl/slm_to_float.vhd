-- slm_to_float: value * 2^X (over 2^DIVIDE - 1 where DIVIDE is not 0), rounded once, ties to even, subnormals kept, overflow to infinity,
-- 0 to +0. X comes as slm_scale's `cap` and `stop`, beside the value. Latency: slm_float_latency(DIVIDE) clocks.
library ieee;
use ieee.std_logic_1164.all;
use work.slm_pkg.all;

entity slm_to_float is
  generic (
    IN_W   : positive := 7; -- a signed value: N = IN_W - 1 magnitude bits
    OUTPUT : natural range 1 to 3 := SLM_F16;
    DIVIDE : natural := 0   -- 0, or n >= 2: divide by 2^n - 1
  );
  port (
    clk    : in  std_logic;
    ce     : in  std_logic_vector(slm_float_latency(DIVIDE) - 1 downto 0);
    value  : in  std_logic_vector(IN_W - 1 downto 0);
    cap    : in  std_logic_vector(slm_cap_width(OUTPUT, IN_W - 1, DIVIDE) - 1 downto 0);
    stop   : in  std_logic_vector(IN_W - 2 + slm_headroom(OUTPUT, IN_W - 1, DIVIDE) downto 0);
    result : out std_logic_vector(slm_output_width(OUTPUT, 0) - 1 downto 0)
  );
end entity;

architecture rtl of slm_to_float is
begin
  exact : if DIVIDE = 0 generate
    convert : entity work.slm_exact_float
      generic map (IN_W => IN_W, OUTPUT => OUTPUT)
      port map (clk => clk, ce => ce, value => value, cap => cap, result => result);
  end generate;
  divided : if DIVIDE > 0 generate
    convert : entity work.slm_divided_float
      generic map (IN_W => IN_W, OUTPUT => OUTPUT, DIVIDE => slm_max(DIVIDE, 1))
      port map (clk => clk, ce => ce, value => value, cap => cap, stop => stop, result => result);
  end generate;
end architecture;
