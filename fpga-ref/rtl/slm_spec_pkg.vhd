-- slm_spec_pkg: the specification's sections "LFSR" and "Rounding" as functions, written to be read against it. The plain architecture of
-- slm_block_decoder is made of these; they are for simulation, not for synthesis.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

package slm_spec_pkg is
  -- One step of the register.
  function slm_spec_step(K, TAPS : positive; state : unsigned) return unsigned;

  -- integer * scale / divisor, rounded once ([REC-3], [REC-5], [REC-9] to [REC-11]).
  function slm_spec_round(value : signed; scale : std_logic_vector(15 downto 0); divisor : positive; OUTPUT : natural) return std_logic_vector;
end package;

package body slm_spec_pkg is
  function slm_spec_step(K, TAPS : positive; state : unsigned) return unsigned is
    constant mask : unsigned(K - 1 downto 0) := to_unsigned(TAPS, K);
    variable b    : std_logic := '0';
    variable s    : unsigned(K - 1 downto 0) := state;
  begin
    for j in 0 to K - 1 loop
      b := b xor (s(j) and mask(j));
    end loop;
    return b & s(K - 1 downto 1);
  end function;

  function slm_spec_round(value : signed; scale : std_logic_vector(15 downto 0); divisor : positive; OUTPUT : natural) return std_logic_vector is
    subtype wide is unsigned(191 downto 0);
    constant MAN  : positive := slm_mantissa_bits(OUTPUT);
    constant EB   : positive := slm_exponent_bits(OUTPUT);
    constant EMIN : integer  := slm_emin(OUTPUT);
    constant D    : wide     := to_unsigned(divisor, wide'length);
    variable n    : wide     := (others => '0');
    variable x    : integer;
    variable g, u, s  : integer;
    variable num, den, r, rest : wide;
    variable sign : std_logic := value(value'high);
    variable result : std_logic_vector(MAN + EB downto 0) := (others => '0');
  begin
    -- |value| * scale = n * 2^x
    if value = 0 then
      return result;
    end if;
    n := resize(unsigned(abs resize(value, value'length + 1)), wide'length);
    if unsigned(scale(14 downto 7)) = 0 then
      n := resize(n * unsigned(scale(6 downto 0)), wide'length);
      x := -133;
    else
      n := resize(n * unsigned('1' & scale(6 downto 0)), wide'length);
      x := to_integer(unsigned(scale(14 downto 7))) - 134;
    end if;
    -- g: the largest integer with 2^g <= n * 2^x / D
    g := -25;
    while shift_left(D, g + 1 + 25) <= shift_left(n, 25) loop
      g := g + 1;
    end loop;
    g := g + x;
    -- u: the exponent of the last place; r: the number of those places, half to even
    u := slm_max(g, EMIN) - MAN;
    s := x - u;
    if s < -90 then -- n < 2^64: far below half a place
      r := (others => '0');
    else
      num := n;
      den := D;
      if s >= 0 then
        num := shift_left(n, s);
      else
        den := shift_left(D, -s);
      end if;
      r    := num / den;
      rest := num - resize(r * den, wide'length);
      if shift_left(rest, 1) > den or (shift_left(rest, 1) = den and r(0) = '1') then
        r := r + 1;
      end if;
    end if;
    -- r * 2^u as bits: r is below 2^(MAN+1), or just 2^(MAN+1)
    if r(MAN + 1) = '1' then
      r := shift_right(r, 1);
      u := u + 1;
    end if;
    result(MAN + EB) := sign;
    if r(MAN) = '0' then
      result(MAN - 1 downto 0) := std_logic_vector(r(MAN - 1 downto 0));
    elsif u + MAN - EMIN + 1 >= 2 ** EB - 1 then
      result(MAN + EB - 1 downto MAN) := (others => '1');
    else
      result(MAN + EB - 1 downto MAN) := std_logic_vector(to_unsigned(u + MAN - EMIN + 1, EB));
      result(MAN - 1 downto 0) := std_logic_vector(r(MAN - 1 downto 0));
    end if;
    return result;
  end function;
end package body;
