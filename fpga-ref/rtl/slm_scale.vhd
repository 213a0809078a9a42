-- slm_scale: what every lane needs to know of a scale, worked out once: its significand and, for slm_to_float, how far an integer may be
-- shifted up before it leaves the output type's normal range (`cap`, and `stop`, the same as one bit to look for). One clock.
--
-- A lane's integer has N magnitude bits and its least significant bit weighs 2^X, X = the scale's exponent + the exponent code + OFFSET.
-- cap = X + N + headroom - 1 - emin, limited to 0 .. slm_cap_max.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_scale is
  generic (
    OUTPUT   : natural range 1 to 3 := SLM_F16;
    N        : positive := 6;  -- magnitude bits of slm_to_float's input
    OFFSET   : integer := 0;   -- added to the exponent: 1 where the lanes hold T/2
    E        : natural := 0;   -- bits of the exponent code
    DIVIDE   : natural := 0;   -- slm_to_float's generic
    POW2     : boolean := true -- every scale is a power of two: `significand` is 1, not to be multiplied by
  );
  port (
    clk         : in  std_logic;
    ce          : in  std_logic;
    scale       : in  std_logic_vector(15 downto 0); -- bfloat16, positive and finite
    exponent    : in  std_logic_vector(slm_max(E, 1) - 1 downto 0);
    significand : out std_logic_vector(7 downto 0);
    cap         : out std_logic_vector(slm_cap_width(OUTPUT, N, DIVIDE) - 1 downto 0);
    stop        : out std_logic_vector(N + slm_headroom(OUTPUT, N, DIVIDE) - 1 downto 0)
  );
end entity;

architecture rtl of slm_scale is
  constant NB : positive := N + slm_headroom(OUTPUT, N, DIVIDE);
  constant CM : positive := slm_cap_max(OUTPUT, N, DIVIDE);
  constant CW : positive := slm_cap_width(OUTPUT, N, DIVIDE);
  -- With POW2 the scale is 2^(field - 127), or 2^(i - 133) where it is a subnormal with mantissa bit i alone. Otherwise it is an 8-bit
  -- significand times 2^(max(field, 1) - 134).
  constant BIAS : integer := slm_if(POW2, 133, 134) - OFFSET + DIVIDE + slm_emin(OUTPUT) + 1 - NB;
begin
  process (clk)
    variable x : signed(11 downto 0);
    variable v : unsigned(CW - 1 downto 0);
    variable field : unsigned(11 downto 0);
  begin
    if rising_edge(clk) then
      if ce = '1' then
        field := "0000" & unsigned(scale(14 downto 7));
        if POW2 then
          if scale(14 downto 7) /= "00000000" then
            field := field + 6;
          else
            field := (others => '0');
            for i in 0 to 6 loop
              if scale(i) = '1' then
                field := to_unsigned(i, 12);
              end if;
            end loop;
          end if;
          significand <= "00000001";
        elsif scale(14 downto 7) /= "00000000" then
          significand <= '1' & scale(6 downto 0);
        else
          field := to_unsigned(1, 12);
          significand <= '0' & scale(6 downto 0);
        end if;
        if E > 0 then
          field := field + unsigned(exponent);
        end if;
        x := signed(field) - to_signed(BIAS, 12);
        if x(11) = '1' then
          v := (others => '0');
        elsif x > CM then
          v := to_unsigned(CM, CW);
        else
          v := unsigned(x(CW - 1 downto 0));
        end if;
        cap <= std_logic_vector(v);
        for i in 0 to NB - 1 loop
          if v = NB - 1 - i then
            stop(i) <= '1';
          else
            stop(i) <= '0';
          end if;
        end loop;
      end if;
    end if;
  end process;
end architecture;
