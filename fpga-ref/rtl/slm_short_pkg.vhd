-- slm_short_pkg: the code between slm_short_scale, which knows a run's scale, and the lanes of slm_short_float, which know where their
-- integer's highest one is: a lane's class. One 6-input LUT gives a bit of it, from the place (3 bits) and 3 bits of the run.
--
-- Class bits 1 and 0 say by how much the lane rotates its magnitude (1, 2, 3, and 00 for 4); bit 2 is set where the exponent is not what
-- the rotation says:
--   0rr  place rr, or 4 for 000          100  zero                           101  place 0
--   1rr  in a run with a limit: below it, rotated as the limit has it        111  in a run that overflows: infinite
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

package slm_short_pkg is
  -- A run's kind: 0 every lane normal; 1 .. 4 lanes with their highest one below that place subnormal; 5 + p infinite from place
  -- p = 0 .. 4 on; 9 + r every lane subnormal, rotated by r = 1 .. 4.
  constant SLM_SHORT_KINDS : positive := 14;
  subtype slm_short_kind is natural range 0 to SLM_SHORT_KINDS - 1;
  constant SLM_SHORT_INFINITE : natural := 5;
  constant SLM_SHORT_TURNED   : natural := 9;

  -- Bits 3n+2 .. 3n: the run's code for bit n of a class.
  function slm_short_codes(kind : slm_short_kind) return std_logic_vector;

  -- Whether code and place make bit n of a class 1; place 5 is that of a zero.
  function slm_short_bit(n, code, place : natural) return boolean;
end package;

package body slm_short_pkg is
  constant PLACES : positive := 6;

  function class_of(kind : slm_short_kind; place : natural) return std_logic_vector is
    variable r     : natural   := place;
    variable apart : std_logic := '0';
  begin
    if place = 5 then
      return "100";
    elsif kind >= SLM_SHORT_INFINITE and kind <= SLM_SHORT_TURNED and place >= kind - SLM_SHORT_INFINITE then
      return "111";
    elsif kind > SLM_SHORT_TURNED then
      r := kind - SLM_SHORT_TURNED;
    elsif kind < SLM_SHORT_INFINITE and place < kind then
      r     := kind;
      apart := '1';
    elsif place = 0 then
      r := 1;
    end if;
    if place = 0 then -- in a turned run it means nothing, and makes no pattern more
      apart := '1';
    end if;
    return apart & std_logic_vector(to_unsigned(r mod 4, 2));
  end function;

  -- Bit n of the classes of a run's places, place 0 lowest.
  function pattern(n : natural; kind : slm_short_kind) return std_logic_vector is
    variable class : std_logic_vector(2 downto 0);
    variable r     : std_logic_vector(PLACES - 1 downto 0);
  begin
    for place in 0 to PLACES - 1 loop
      class := class_of(kind, place);
      r(place) := class(n);
    end loop;
    return r;
  end function;

  -- A bit's code numbers the patterns that differ: 8 at most, as it happens.
  type code_table is array (0 to 2, 0 to SLM_SHORT_KINDS - 1) of natural;
  function all_codes return code_table is
    variable r     : code_table;
    variable count : natural;
    variable known : boolean;
  begin
    for n in 0 to 2 loop
      count := 0;
      for kind in 0 to SLM_SHORT_KINDS - 1 loop
        known := false;
        for before in 0 to SLM_SHORT_KINDS - 1 loop
          if before < kind and not known and pattern(n, before) = pattern(n, kind) then
            r(n, kind) := r(n, before);
            known := true;
          end if;
        end loop;
        if not known then
          r(n, kind) := count;
          count := count + 1;
        end if;
      end loop;
      assert count <= 8 report "slm_short_pkg: more than 8 patterns" severity failure;
    end loop;
    return r;
  end function;
  constant CODES : code_table := all_codes;

  function slm_short_codes(kind : slm_short_kind) return std_logic_vector is
    variable r : std_logic_vector(8 downto 0);
  begin
    for n in 0 to 2 loop
      r(3 * n + 2 downto 3 * n) := std_logic_vector(to_unsigned(CODES(n, kind), 3));
    end loop;
    return r;
  end function;

  -- All of it as one constant: bit n, code, place at 48n + 6code + place.
  function truth return std_logic_vector is
    variable r     : std_logic_vector(3 * 8 * PLACES - 1 downto 0) := (others => '0');
    variable class : std_logic_vector(2 downto 0);
  begin
    for n in 0 to 2 loop
      for kind in 0 to SLM_SHORT_KINDS - 1 loop
        for place in 0 to PLACES - 1 loop
          class := class_of(kind, place);
          r((n * 8 + CODES(n, kind)) * PLACES + place) := class(n);
        end loop;
      end loop;
    end loop;
    return r;
  end function;
  constant TABLE : std_logic_vector(3 * 8 * PLACES - 1 downto 0) := truth;

  function slm_short_bit(n, code, place : natural) return boolean is
  begin
    return TABLE((n * 8 + code) * PLACES + place) = '1';
  end function;
end package body;
