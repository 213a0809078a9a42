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
-- 10 places below), and bits that do not belong there are disabled. A normal lane rotates by p, a subnormal one by t modulo 5.
-- Outputs of stage 1 and 2 are those that the lanes' stages of that number use. Three clocks: base, codes, codes of stage 2.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_short_scale is
  generic (
    OUTPUT : natural range 1 to 3 := SLM_F16;
    OFFSET : integer := 1 -- added to the exponent: 1 where the lanes hold T/2
  );
  port (
    clk     : in  std_logic;
    ce      : in  std_logic_vector(2 downto 0);
    scale   : in  std_logic_vector(15 downto 0); -- bfloat16, a positive power of two
    -- stage 1
    rotate  : out std_logic_vector(8 downto 0); -- three codes of slm_short_rotation, of its bits 0 to 2
    limit   : out std_logic_vector(2 downto 0); -- code of slm_short_class
    clear_at : out std_logic_vector(2 downto 0); -- the least p whose mantissa is cleared for infinity; 0: none
    low     : out std_logic_vector(2 downto 0); -- base's low bits
    high    : out std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0);
    high_up : out std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0); -- and one more
    -- stage 2
    keep    : out std_logic_vector(slm_mantissa_bits(OUTPUT) - 1 downto 0); -- mantissa bits in use
    flat    : out std_logic;                     -- the field is 0
    whole   : out std_logic_vector(3 downto 0);  -- bits of z that are not below the last place
    sticky  : out std_logic_vector(3 downto 1);  -- bits of z that are below the guard bit, bit 4
    inexact : out std_logic                      -- rounded
  );
end entity;

architecture rtl of slm_short_scale is
  constant MAN   : positive := slm_mantissa_bits(OUTPUT);
  constant EB    : positive := slm_exponent_bits(OUTPUT);
  constant MOST  : positive := 2 ** EB - 1;
  constant LEAST : integer  := -MAN - 5; -- all zero from here on
  -- base = field - SHIFT, field as in slm_scale: the exponent + 133.
  constant SHIFT : integer := 132 - OFFSET + slm_emin(OUTPUT);

  signal base_0 : signed(9 downto 0);
  signal base_1 : signed(9 downto 0);
begin
  process (clk)
    variable field  : signed(11 downto 0);
    variable base   : integer range -512 to 511;
    variable t      : integer range -512 to 511;
    variable turn   : std_logic_vector(2 downto 0);
    variable unit   : unsigned(9 downto 0);
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
        base_0 <= field(9 downto 0);
      end if;

      if ce(1) = '1' then
        base   := to_integer(base_0);
        base_1 <= base_0;
        unit   := unsigned(base_0);
        low    <= std_logic_vector(unit(2 downto 0));
        high   <= std_logic_vector(unit(EB - 1 downto 3));
        unit   := unit + 8;
        high_up <= std_logic_vector(unit(EB - 1 downto 3));
        limit  <= "000";
        clear_at <= "000";
        rotate <= "000000000";
        if base >= 1 then
          if base >= MOST - 1 then
            limit <= "101";
            clear_at <= "001";
          elsif base = MOST - 2 then
            limit <= "110";
            clear_at <= "010";
          elsif base = MOST - 3 then
            limit <= "111";
            clear_at <= "011";
          elsif base = MOST - 4 then
            clear_at <= "100";
          end if;
        elsif base >= -3 then
          unit   := to_unsigned(1 - base, 10);
          limit  <= std_logic_vector(unit(2 downto 0));
          rotate <= std_logic_vector(unit(2 downto 0)) & std_logic_vector(unit(2 downto 0)) & std_logic_vector(unit(2 downto 0));
        else
          t    := -4 - base;
          turn := "000";
          for i in 0 to MAN + 1 loop
            if t = i then
              turn := std_logic_vector(to_unsigned(i mod 5, 3));
            end if;
          end loop;
          for i in 0 to 2 loop
            if turn(i) = '1' then
              rotate(3 * i + 2 downto 3 * i) <= "110";
            else
              rotate(3 * i + 2 downto 3 * i) <= "101";
            end if;
          end loop;
        end if;
      end if;

      if ce(2) = '1' then
        base := to_integer(base_1);
        t    := -4 - base;
        flat <= '0';
        if t >= 0 then
          flat <= '1';
        end if;
        inexact <= '0';
        whole   <= "1111";
        sticky  <= "000";
        if t > MAN - 5 then
          inexact <= '1';
          for i in 0 to 3 loop
            if t >= MAN - i then
              whole(i) <= '0';
            end if;
          end loop;
          for i in 1 to 3 loop
            if t - (MAN - 5) >= 5 - i then -- n = 2: bit 3; 3: bit 2 too; 4, 5: bit 1 too
              sticky(i) <= '1';
            end if;
          end loop;
        end if;
        for j in 0 to MAN - 1 loop -- places below the mantissa's top
          keep(MAN - 1 - j) <= '0';
          if t < 0 then
            if j < 4 then
              keep(MAN - 1 - j) <= '1';
            end if;
          elsif t <= MAN - 5 then
            if t <= j and j <= t + 4 then
              keep(MAN - 1 - j) <= '1';
            end if;
          elsif t <= j + 1 and j >= MAN - 4 then -- a place more, for the carry
            keep(MAN - 1 - j) <= '1';
          end if;
        end loop;
      end if;
    end if;
  end process;
end architecture;
