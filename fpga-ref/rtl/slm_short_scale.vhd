-- slm_short_scale: what the lanes of slm_short_float need to know of a scale that is a power of two, worked out once for all of them.
--
-- A lane's integer d has at most 5 magnitude bits m and weighs d * 2^X; p is the place of its highest one. `base` = X + 1 - emin is the
-- exponent field of |d| = 1, were it not limited. Five kinds of base:
--   normal     base >= 1: the field is base + p, the mantissa what follows the highest one
--   overflow   base + p past the largest finite field for some p: infinity there
--   mixed      base = 0 .. -3: normal from p = 1 - base on, below that m at a place common to all lanes
--   flat       base <= -4: every lane subnormal, m at a common place, t = -4 - base places below the mantissa's top
--   rounded    t so large that n = t - (MAN - 5) bits of m fall off at the low end
-- In all of them the mantissa's bits are those of m rotated: bit 4 of the rotated word z stands at the mantissa's top (and again 5 and
-- 10 places below), and bits that do not belong there are cleared. A normal lane rotates by p, a subnormal one by t modulo 5. Four
-- rotations are what one LUT a bit can do: p = 0 needs none, for it has no mantissa, and for t = 0, 5 and 10 `turn` makes the magnitude
-- come rotated by one, and the lane rotates by 4.
-- Outputs are registered for the stage of the lanes that uses them. Five clocks: base, then stages 0 to 3.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;
use work.slm_short_pkg.all;

entity slm_short_scale is
  generic (
    OUTPUT : natural range 1 to 3 := SLM_F16;
    OFFSET : integer := 1 -- added to the exponent: 1 where the lanes hold T/2
  );
  port (
    clk     : in  std_logic;
    ce      : in  std_logic_vector(4 downto 0);
    scale   : in  std_logic_vector(15 downto 0); -- bfloat16, a positive power of two
    -- stage 0
    turn    : out std_logic;
    -- stage 1
    codes   : out std_logic_vector(8 downto 0); -- of the classes, slm_short_pkg
    -- stage 2
    low     : out std_logic_vector(2 downto 0); -- base's low bits
    high    : out std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0);
    high_up : out std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0); -- and one more; all ones where there is infinity
    limited : out std_logic;                     -- base <= 0
    under   : out std_logic;                     -- base < 0: the field is 3 at most
    flat    : out std_logic;                     -- the field is 0
    keep    : out std_logic_vector(slm_mantissa_bits(OUTPUT) - 1 downto 0); -- mantissa bits in use
    guard   : out std_logic;                     -- bit 4 of z is the guard bit
    sticky  : out std_logic_vector(3 downto 1);  -- bits of z that are below it, beside bit 0
    -- stage 3
    as_is   : out std_logic                      -- no lane's mantissa is to be cleared
  );
end entity;

architecture rtl of slm_short_scale is
  constant MAN   : positive := slm_mantissa_bits(OUTPUT);
  constant EB    : positive := slm_exponent_bits(OUTPUT);
  constant MOST  : positive := 2 ** EB - 1;
  constant LEAST : integer  := -MAN - 5; -- all zero from here on
  -- base = field - SHIFT, field as in slm_scale: the exponent + 133.
  constant SHIFT : integer := 132 - OFFSET + slm_emin(OUTPUT);

  signal base, base_0, base_1 : signed(9 downto 0);
  signal limited_2            : std_logic;

  function kind_of(b : integer) return slm_short_kind is
  begin
    if b >= MOST - 4 then
      return SLM_SHORT_INFINITE + MOST - b;
    elsif b > 0 then
      return 0;
    elsif b > -4 then
      return 1 - b;
    elsif (-4 - b) mod 5 = 0 then
      return SLM_SHORT_TURNED + 4;
    end if;
    return SLM_SHORT_TURNED + (-4 - b) mod 5;
  end function;
begin
  process (clk)
    variable field : signed(11 downto 0);
    variable t     : integer range -512 to 511;
    variable unit  : unsigned(9 downto 0);
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        field := signed(resize(unsigned(scale(14 downto 7)), 12)) + 6;
        if scale(14 downto 7) = "00000000" then
          field := (others => '0');
          for i in 0 to 6 loop
            if scale(i) = '1' then
              field := to_signed(i, 12);
            end if;
          end loop;
        end if;
        field := field - SHIFT;
        if field > MOST then
          field := to_signed(MOST, 12);
        elsif field < LEAST then
          field := to_signed(LEAST, 12);
        end if;
        base <= field(9 downto 0);
      end if;

      if ce(1) = '1' then
        base_0 <= base;
        turn   <= '0';
        for i in 0 to MAN / 5 loop
          if base = -4 - 5 * i then
            turn <= '1';
          end if;
        end loop;
      end if;

      if ce(2) = '1' then
        base_1 <= base_0;
        codes  <= slm_short_codes(kind_of(1));
        for b in LEAST to MOST loop
          if (b <= 0 or b >= MOST - 4) and base_0 = b then
            codes <= slm_short_codes(kind_of(b));
          end if;
        end loop;
      end if;

      if ce(3) = '1' then
        t       := -4 - to_integer(base_1);
        unit    := unsigned(base_1);
        low     <= std_logic_vector(unit(2 downto 0));
        high    <= std_logic_vector(unit(EB - 1 downto 3));
        unit    := unit + 8;
        high_up <= std_logic_vector(unit(EB - 1 downto 3));
        if base_1 >= MOST - 4 then
          high_up <= (others => '1');
        end if;
        limited   <= '0';
        limited_2 <= '0';
        under     <= '0';
        flat      <= '0';
        if base_1 <= 0 then
          limited   <= '1';
          limited_2 <= '1';
        end if;
        if base_1 < 0 then
          under <= '1';
        end if;
        if t >= 0 then
          flat <= '1';
        end if;
        guard  <= '0';
        sticky <= "000";
        if t > MAN - 5 and t <= MAN then
          guard <= '1';
          for i in 1 to 3 loop
            if t - (MAN - 5) >= 5 - i then -- n = 2: bit 3; 3: bit 2 too; 4, 5: bit 1 too
              sticky(i) <= '1';
            end if;
          end loop;
        end if;
        for j in 0 to MAN - 1 loop -- places below the mantissa's top
          keep(MAN - 1 - j) <= '0';
          if (t < 0 and j < 4) or (t >= 0 and t <= j and j <= t + 4) then
            keep(MAN - 1 - j) <= '1';
          end if;
        end loop;
      end if;

      if ce(4) = '1' then
        as_is <= limited_2;
      end if;
    end if;
  end process;
end architecture;
