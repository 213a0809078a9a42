-- slm_short_float: one lane from an integer of at most 30 in magnitude to a float, for scales that are powers of two: d * 2^X rounded
-- once, as slm_to_float does it, in about a third of its LUTs. slm_short_scale explains the scheme and gives all inputs but d.
-- Four clocks: magnitude and highest one's place; class; rotation and exponent; rounding.
--
-- Bits that do not belong to a lane's mantissa are cleared by their flip-flops' synchronous resets, which cost no LUT: a shared one for
-- each place, and in the last stage one a lane.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;
use work.slm_short_pkg.all;

entity slm_short_float is
  generic (
    OUTPUT : natural range 1 to 3 := SLM_F16
  );
  port (
    clk     : in  std_logic;
    ce      : in  std_logic_vector(3 downto 0);
    value   : in  std_logic_vector(5 downto 0); -- d, two's complement, -30 .. 30
    turn    : in  std_logic;
    codes   : in  std_logic_vector(8 downto 0);
    low     : in  std_logic_vector(2 downto 0);
    high    : in  std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0);
    high_up : in  std_logic_vector(slm_exponent_bits(OUTPUT) - 4 downto 0);
    limited : in  std_logic;
    under   : in  std_logic;
    flat    : in  std_logic;
    keep    : in  std_logic_vector(slm_mantissa_bits(OUTPUT) - 1 downto 0);
    guard   : in  std_logic;
    sticky  : in  std_logic_vector(3 downto 1);
    as_is   : in  std_logic;
    result  : out std_logic_vector(slm_output_width(OUTPUT, 0) - 1 downto 0)
  );
end entity;

architecture rtl of slm_short_float is
  constant MAN : positive := slm_mantissa_bits(OUTPUT);
  constant EB  : positive := slm_exponent_bits(OUTPUT);

  signal y_0, y_1               : std_logic_vector(4 downto 0);
  signal place_0                : std_logic_vector(2 downto 0);
  signal class_1, class_2       : std_logic_vector(2 downto 0);
  signal sign_0, sign_1, sign_2 : std_logic;
  signal bits_2                 : std_logic_vector(MAN - 1 downto 0);
  signal guard_2                : std_logic;
  signal sticky_2               : std_logic_vector(3 downto 0);
  signal field_2                : std_logic_vector(EB - 1 downto 0);

  -- Gates instead of choices among constants, here and below: yosys would make a flip-flop's reset of one such choice, and a LUT a lane to
  -- drive it.
  function place_of(v : std_logic_vector(5 downto 0)) return std_logic_vector is
    variable r     : std_logic_vector(2 downto 0) := "000";
    variable code  : unsigned(2 downto 0);
    variable equal : std_logic;
    constant at    : natural := to_integer(unsigned(v));
  begin
    for i in 0 to 31 loop
      equal := '0';
      if at = i or at = (64 - i) mod 64 then
        equal := '1';
      end if;
      code := "101";
      if i > 0 then
        code := to_unsigned(slm_clog2(i + 1) - 1, 3);
      end if;
      for n in 0 to 2 loop
        r(n) := r(n) or (equal and code(n));
      end loop;
    end loop;
    return r;
  end function;

  function class_bit(n : natural; place, code : std_logic_vector(2 downto 0)) return std_logic is
    variable r     : std_logic := '0';
    variable equal : std_logic;
    constant at    : natural := to_integer(unsigned(code) & unsigned(place));
  begin
    for p in 0 to 5 loop
      for c in 0 to 7 loop
        if slm_short_bit(n, c, p) then
          equal := '0';
          if at = 8 * c + p then
            equal := '1';
          end if;
          r := r or equal;
        end if;
      end loop;
    end loop;
    return r;
  end function;
begin
  process (clk)
    variable carry : std_logic;
    variable m     : std_logic_vector(4 downto 0);
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        carry := '0';
        for i in 0 to 4 loop -- the absolute value, spelt out: as an adder it would be a carry chain, with LUTs of its own
          m(i)  := value(i) xor (value(5) and carry);
          carry := carry or value(i);
        end loop;
        for i in 0 to 4 loop
          y_0(i) <= (m(i) and not turn) or (m((i + 1) mod 5) and turn);
        end loop;
        place_0 <= place_of(value);
        sign_0  <= value(5);
      end if;

      if ce(1) = '1' then
        y_1    <= y_0;
        sign_1 <= sign_0;
        for n in 0 to 2 loop
          class_1(n) <= class_bit(n, place_0, codes(3 * n + 2 downto 3 * n));
        end loop;
      end if;
    end if;
  end process;

  process (clk)
    variable z             : std_logic_vector(4 downto 0);
    variable digit, sum    : std_logic_vector(2 downto 0);
    variable carry         : std_logic;
    variable none, endless : std_logic;
  begin
    if rising_edge(clk) then
      if ce(2) = '1' then
        for i in 0 to 4 loop
          if class_1(1 downto 0) = "01" then
            z(i) := y_1((i + 1) mod 5);
          elsif class_1(1 downto 0) = "10" then
            z(i) := y_1((i + 2) mod 5);
          elsif class_1(1 downto 0) = "11" then
            z(i) := y_1((i + 3) mod 5);
          else
            z(i) := y_1((i + 4) mod 5);
          end if;
        end loop;
        for j in 0 to MAN - 1 loop
          bits_2(MAN - 1 - j) <= z(4 - j mod 5);
          if keep(MAN - 1 - j) = '0' then
            bits_2(MAN - 1 - j) <= '0';
          end if;
        end loop;
        guard_2 <= z(4);
        if guard = '0' then
          guard_2 <= '0';
        end if;
        sticky_2(0) <= z(0);
        for i in 1 to 3 loop
          sticky_2(i) <= z(i);
          if sticky(i) = '0' then
            sticky_2(i) <= '0';
          end if;
        end loop;

        -- Each bit of the exponent is one LUT of 6 inputs, and so is the carry: bits 1 and 0 look at `limited`, bit 2 need not, for it is
        -- cleared below.
        digit(2) := not (class_1(2) or class_1(1) or class_1(0));
        digit(1) := class_1(1) and not class_1(2);
        digit(0) := class_1(0) and not class_1(2);
        none     := class_1(2) and not class_1(0);
        endless  := class_1(2) and class_1(1) and class_1(0);
        carry    := '0';
        for i in 0 to 2 loop
          sum(i) := low(i) xor digit(i) xor carry;
          carry  := (low(i) and digit(i)) or (low(i) and carry) or (digit(i) and carry);
        end loop;
        field_2(0) <= (sum(0) or endless) and not none and not (endless and limited);
        field_2(1) <= (sum(1) or endless) and not none and not (endless and limited);
        field_2(2) <= (sum(2) or endless) and not none;
        for i in 3 to EB - 1 loop
          field_2(i) <= ((high_up(i - 3) and carry) or (high(i - 3) and not carry)) and not none;
        end loop;
        if flat = '1' then
          field_2(1 downto 0) <= "00";
        end if;
        if under = '1' then
          field_2(EB - 1 downto 2) <= (others => '0');
        end if;
        class_2 <= class_1;
        sign_2  <= sign_1;
      end if;
    end if;
  end process;

  process (clk)
    variable up : std_logic;
  begin
    if rising_edge(clk) then
      if ce(3) = '1' then
        result(MAN - 1 downto 0) <= bits_2;
        -- Only F16 reaches the rounding: the least scale is 2^-133. MAN is a multiple of 5 there, and the bits to round are 3 .. 0. What is
        -- carried on from bit 0 is guard_2 alone: with bit 0 set a tie goes up.
        if OUTPUT = SLM_F16 then
          result(0) <= bits_2(0) xor (guard_2 and (sticky_2(0) or sticky_2(1) or sticky_2(2) or sticky_2(3)));
          up := guard_2;
          for i in 1 to 3 loop
            up := up and bits_2(i - 1);
            result(i) <= bits_2(i) xor up;
          end loop;
        end if;
        if class_2(2) = '1' and class_2(0) = '1' and as_is = '0' then -- place 0, and infinity
          result(MAN - 1 downto MAN - 4) <= "0000";
        end if;
        result(MAN + EB - 1 downto MAN) <= field_2;
        result(MAN + EB) <= sign_2;
      end if;
    end if;
  end process;
end architecture;
