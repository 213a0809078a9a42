-- slm_short_float: one lane from an integer of at most 30 in magnitude to a float, for scales that are powers of two: d * 2^X rounded
-- once, as slm_to_float does it, in about a third of its LUTs. slm_short_scale explains the scheme and gives all inputs but d.
-- Three clocks: the highest one's place; the rotation and the exponent; the rounding.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_short_float is
  generic (
    OUTPUT : natural range 1 to 3 := SLM_F16
  );
  port (
    clk     : in  std_logic;
    ce      : in  std_logic_vector(2 downto 0);
    value   : in  std_logic_vector(5 downto 0); -- d, two's complement, -30 .. 30
    rotate  : in  std_logic_vector(8 downto 0);
    limit   : in  std_logic_vector(2 downto 0);
    clear_at : in std_logic_vector(2 downto 0);
    low     : in  std_logic_vector(2 downto 0);
    high    : in  std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0);
    high_up : in  std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0);
    keep    : in  std_logic_vector(slm_mantissa_bits(OUTPUT) - 1 downto 0);
    flat    : in  std_logic;
    whole   : in  std_logic_vector(3 downto 0);
    sticky  : in  std_logic_vector(3 downto 1);
    inexact : in  std_logic;
    result  : out std_logic_vector(slm_output_width(OUTPUT, 0) - 1 downto 0)
  );
end entity;

architecture rtl of slm_short_float is
  constant MAN  : positive := slm_mantissa_bits(OUTPUT);
  constant EB   : positive := slm_exponent_bits(OUTPUT);
  constant NONE : std_logic_vector(2 downto 0) := "111"; -- place of a zero's highest one; class of a lane whose field is 0
  constant INF  : std_logic_vector(2 downto 0) := "110"; -- class of a lane that is infinite

  signal value_0 : std_logic_vector(5 downto 0);
  signal place_0 : std_logic_vector(2 downto 0);
  signal z_1     : std_logic_vector(4 downto 0);
  signal field_1 : std_logic_vector(EB - 1 downto 0);
  signal sign_1  : std_logic;

  -- Gates instead of choices among constants, here and for the field below: yosys would make a flip-flop's reset of one such choice, and
  -- a LUT a lane to drive it.
  function place_of(v : std_logic_vector(5 downto 0)) return std_logic_vector is
    variable r     : std_logic_vector(2 downto 0) := "000";
    variable code  : unsigned(2 downto 0);
    variable equal : std_logic;
  begin
    for i in 0 to 31 loop
      equal := '0';
      if unsigned(v) = i or unsigned(v) = (64 - i) mod 64 then
        equal := '1';
      end if;
      code := unsigned(NONE);
      if i > 0 then
        code := to_unsigned(slm_clog2(i + 1) - 1, 3);
      end if;
      for n in 0 to 2 loop
        r(n) := r(n) or (equal and code(n));
      end loop;
    end loop;
    return r;
  end function;

  -- One bit of the rotation (by 0 .. 4; 4 is bit 2 alone) of a lane with its highest one at `place`. Codes: 0 by the place, 1 .. 4 by the
  -- larger of place and code, 5 and 6 the bit is 0, 1.
  function slm_short_rotation(place, code : std_logic_vector(2 downto 0); n : natural) return std_logic is
    variable by : unsigned(2 downto 0);
  begin
    if code = "101" then
      return '0';
    elsif code = "110" then
      return '1';
    end if;
    by := unsigned(place);
    if place = NONE or unsigned(place) < unsigned(code) then
      by := unsigned(code);
    end if;
    return by(n);
  end function;

  -- A lane's class: its place, or NONE (field 0), or INF. Codes: 0 nothing special; 1 .. 4 subnormal below that place; 5 .. 7 infinite from
  -- place 1 .. 3 on.
  function slm_short_class(place, code : std_logic_vector(2 downto 0)) return std_logic_vector is
  begin
    if place = NONE then
      return NONE;
    elsif unsigned(code) <= 4 then
      if unsigned(place) < unsigned(code) then
        return NONE;
      end if;
    elsif unsigned(place) >= unsigned(code) - 4 then
      return INF;
    end if;
    return place;
  end function;
begin
  process (clk)
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        value_0 <= value;
        place_0 <= place_of(value);
      end if;
    end if;
  end process;

  process (clk)
    variable carry     : std_logic;
    variable m, z1, z  : std_logic_vector(4 downto 0);
    variable by        : std_logic_vector(2 downto 0);
    variable class     : std_logic_vector(2 downto 0);
    variable sum       : std_logic_vector(2 downto 0);
    variable cleared   : std_logic;
    variable field     : std_logic_vector(EB - 1 downto 0);
  begin
    if rising_edge(clk) then
      if ce(1) = '1' then
        -- The absolute value and the exponent's low bits are spelt out: as an adder they would be a carry chain, with LUTs of its own.
        carry := '0';
        for i in 0 to 4 loop
          m(i)  := value_0(i) xor (value_0(5) and carry);
          carry := carry or value_0(i);
        end loop;
        for i in 0 to 2 loop
          by(i) := slm_short_rotation(place_0, rotate(3 * i + 2 downto 3 * i), i);
        end loop;
        z1 := m;
        if by(0) = '1' then
          z1 := m(0) & m(4 downto 1);
        end if;
        z := z1;
        if by(2) = '1' then
          z := z1(3 downto 0) & z1(4);
        elsif by(1) = '1' then
          z := z1(1 downto 0) & z1(4 downto 2);
        end if;
        cleared := '0';
        if place_0 /= NONE and clear_at /= "000" and unsigned(place_0) >= unsigned(clear_at) then
          cleared := '1';
        end if;
        for i in 0 to 4 loop
          z_1(i) <= z(i) and not cleared;
        end loop;

        class := slm_short_class(place_0, limit);
        carry := '0';
        for i in 0 to 2 loop
          sum(i) := low(i) xor class(i) xor carry;
          carry  := (low(i) and class(i)) or (low(i) and carry) or (class(i) and carry);
        end loop;
        field(2 downto 0) := sum;
        field(EB - 1 downto 3) := high;
        if carry = '1' then
          field(EB - 1 downto 3) := high_up;
        end if;
        for i in 0 to EB - 1 loop
          field_1(i) <= (field(i) or (class(2) and class(1))) and not (class(2) and class(1) and class(0)); -- INF, NONE
        end loop;
        sign_1 <= value_0(5);
      end if;
    end if;
  end process;

  process (clk)
    variable up   : std_logic;
    variable bits : std_logic_vector(MAN - 1 downto 0);
  begin
    if rising_edge(clk) then
      if ce(2) = '1' then
        for j in 0 to MAN - 1 loop
          bits(MAN - 1 - j) := z_1(4 - j mod 5);
        end loop;
        -- Only F16 reaches the rounding: the least scale is 2^-133. MAN is a multiple of 5 there, and the bits to round are 3 .. 0.
        if OUTPUT = SLM_F16 then
          up := inexact and z_1(4) and (z_1(0) or (sticky(1) and z_1(1)) or (sticky(2) and z_1(2)) or (sticky(3) and z_1(3)));
          for i in 0 to 3 loop
            bits(i) := (z_1(i) and whole(i)) xor up;
            up      := up and z_1(i);
          end loop;
        end if;
        for i in 0 to MAN - 1 loop
          result(i) <= bits(i);
          if keep(i) = '0' then
            result(i) <= '0';
          end if;
        end loop;
        result(MAN + EB - 1 downto MAN) <= field_1;
        if flat = '1' then
          result(MAN + EB - 1 downto MAN) <= (others => '0');
        end if;
        result(MAN + EB) <= sign_1;
      end if;
    end if;
  end process;
end architecture;
