-- slm_adder_tree: sum of N unsigned numbers of W bits, one register a level: clog2(N) clocks, none for N = 1.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_adder_tree is
  generic (
    N : positive := 4; -- a power of two
    W : positive := 4
  );
  port (
    clk    : in  std_logic;
    ce     : in  std_logic_vector(slm_max(slm_clog2(N), 1) - 1 downto 0); -- ce(l) loads level l
    terms  : in  std_logic_vector(N * W - 1 downto 0);
    result : out std_logic_vector(W + slm_clog2(N) - 1 downto 0)
  );
end entity;

architecture rtl of slm_adder_tree is
  constant LEVELS : natural := slm_clog2(N);

  -- Where level l begins in the flat vector: level l holds N / 2^l numbers of W + l bits.
  function start(l : natural) return natural is
    variable r : natural := 0;
  begin
    for i in 0 to l - 1 loop
      r := r + (N / 2 ** i) * (W + i);
    end loop;
    return r;
  end function;

  signal flat : std_logic_vector(start(LEVELS + 1) - 1 downto 0);
begin
  flat(N * W - 1 downto 0) <= terms;

  level : for l in 1 to LEVELS generate
    constant WI : positive := W + l - 1;
  begin
    pair : for i in 0 to N / 2 ** l - 1 generate
      constant A : natural := start(l - 1) + 2 * i * WI;
      constant Q : natural := start(l) + i * (WI + 1);
    begin
      process (clk)
      begin
        if rising_edge(clk) then
          if ce(l - 1) = '1' then
            flat(Q + WI downto Q) <= std_logic_vector(unsigned('0' & flat(A + WI - 1 downto A)) + unsigned('0' & flat(A + 2 * WI - 1 downto A + WI)));
          end if;
        end if;
      end process;
    end generate;
  end generate;

  result <= flat(start(LEVELS + 1) - 1 downto start(LEVELS));
end architecture;
