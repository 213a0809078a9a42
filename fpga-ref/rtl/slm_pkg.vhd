-- slm_pkg: constants and elaboration-time functions shared by the decoder core.
--
-- The LFSR is linear over GF(2), so every bit of every entry is an XOR of seed bits. The functions here work out which, at elaboration;
-- nothing in the hardware ever steps a register. A seed's stream is its K bits (bit 0 first) and then the feedback bits, so that the
-- state after t steps is stream bits t .. t+K-1, and entry n is stream bits (n+1)*step + K-W .. (n+1)*step + K-1.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

package slm_pkg is
  -- Output types (generic OUTPUT of the decoders).
  constant SLM_INT  : natural := 0; -- the exact integers T
  constant SLM_F16  : natural := 1; -- IEEE binary16
  constant SLM_BF16 : natural := 2; -- bfloat16
  constant SLM_F32  : natural := 3; -- IEEE binary32

  -- A row says which seed bits are XORed.
  subtype slm_row is std_logic_vector(23 downto 0);
  type slm_row_array is array (natural range <>) of slm_row;

  function slm_clog2(n : positive) return natural;          -- ceil(log2(n))
  function slm_max(a, b : integer) return integer;
  function slm_min(a, b : integer) return integer;
  function slm_if(condition : boolean; a, b : integer) return integer;
  function slm_at_most(n, limit : integer; message : string) return integer; -- n; where it is more, elaboration ends with the message

  -- The paper's Table 6 as masks, bit j set where alpha_j = 1.
  function slm_table6(K : positive) return natural;

  -- Rows of stream bits 0 .. COUNT-1.
  function slm_stream_rows(K, TAPS, COUNT : positive) return slm_row_array;

  -- XOR of the bits of v that mask selects.
  function slm_xor(v, mask : std_logic_vector) return std_logic;

  -- Significand bits without the hidden one, exponent bits, least normal exponent and width of an output type.
  function slm_mantissa_bits(OUTPUT : natural) return natural;
  function slm_exponent_bits(OUTPUT : natural) return natural;
  function slm_emin(OUTPUT : natural) return integer;
  function slm_output_width(OUTPUT, INTEGER_WIDTH : natural) return natural;

  -- Width of a signed integer T: trellis coding, and block coding before and after the shift by the exponent code.
  function slm_trellis_width(W, P : positive) return positive;
  function slm_sum_width(W, B, P : positive) return positive;

  -- Whether T/2 is an integer of at most 30 in magnitude, so that slm_short_float serves.
  function slm_is_short(W, P : positive) return boolean;

  -- Width of a weight at the block decoders' output.
  function slm_block_width(OUTPUT, W, B, P, E : natural; SHIFTED : boolean) return positive;

  -- And at the stream decoder's: ADVANCE 0 is block coding.
  function slm_stream_width(OUTPUT, W, B, P, E, ADVANCE : natural) return positive;

  -- slm_block_sums: whether the shared scheme applies, how many times P stream bits a stage of its multiplication takes, their number, and
  -- the clocks to the sums.
  constant SLM_SUMS_GRIP : positive := 2;
  function slm_sums_shared(STEP, W, P, B : positive) return boolean;
  function slm_sums_stages(W, P, C : positive) return positive;
  function slm_sums_latency(STEP, W, P, B, C : positive) return positive;
  -- Clocks from record to weights.
  function slm_block_latency(STEP, W, P, B, C : positive; NORM, OUTPUT : natural; POW2, SHIFTED : boolean) return positive;

  -- Bits that a converter puts above an integer so that a scale below the output's range needs no second shifter (slm_to_float).
  function slm_headroom(OUTPUT, N, DIVIDE : natural) return natural;
  -- Width of the `cap` port, and the largest cap that differs from any larger one.
  function slm_cap_max(OUTPUT, N, DIVIDE : natural) return natural;
  function slm_cap_width(OUTPUT, N, DIVIDE : natural) return positive;
  -- Clocks through slm_to_float.
  function slm_float_latency(DIVIDE : natural) return positive;
end package;

package body slm_pkg is
  function slm_clog2(n : positive) return natural is
    variable r : natural := 0;
    variable x : positive := 1;
  begin
    while x < n loop
      x := x * 2;
      r := r + 1;
    end loop;
    return r;
  end function;

  function slm_max(a, b : integer) return integer is
  begin
    if a > b then
      return a;
    end if;
    return b;
  end function;

  function slm_min(a, b : integer) return integer is
  begin
    if a < b then
      return a;
    end if;
    return b;
  end function;

  function slm_at_most(n, limit : integer; message : string) return integer is
  begin
    assert n <= limit report message severity failure;
    return n;
  end function;

  function slm_if(condition : boolean; a, b : integer) return integer is
  begin
    if condition then
      return a;
    end if;
    return b;
  end function;

  type natural_array is array (natural range <>) of natural;
  constant TABLE6 : natural_array(2 to 24) := (3, 3, 3, 5, 3, 3, 29, 17, 9, 5, 263, 39, 4103, 3, 4107, 9, 129, 39, 9, 5, 3, 33, 135);

  function slm_table6(K : positive) return natural is
  begin
    return TABLE6(K);
  end function;

  function slm_stream_rows(K, TAPS, COUNT : positive) return slm_row_array is
    constant mask   : std_logic_vector(23 downto 0) := std_logic_vector(to_unsigned(TAPS, 24));
    variable result : slm_row_array(0 to COUNT - 1) := (others => (others => '0'));
  begin
    for n in 0 to COUNT - 1 loop
      if n < K then
        result(n)(n) := '1';
      else
        for j in 0 to K - 1 loop
          if mask(j) = '1' then
            result(n) := result(n) xor result(n - K + j);
          end if;
        end loop;
      end if;
    end loop;
    return result;
  end function;

  function slm_xor(v, mask : std_logic_vector) return std_logic is
    variable r : std_logic := '0';
  begin
    for i in 0 to v'length - 1 loop
      if mask(mask'low + i) = '1' then
        r := r xor v(v'low + i);
      end if;
    end loop;
    return r;
  end function;

  function slm_mantissa_bits(OUTPUT : natural) return natural is
  begin
    if OUTPUT = SLM_F16 then
      return 10;
    elsif OUTPUT = SLM_BF16 then
      return 7;
    end if;
    return 23;
  end function;

  function slm_exponent_bits(OUTPUT : natural) return natural is
  begin
    if OUTPUT = SLM_F16 then
      return 5;
    end if;
    return 8;
  end function;

  function slm_emin(OUTPUT : natural) return integer is
  begin
    if OUTPUT = SLM_F16 then
      return -14;
    end if;
    return -126;
  end function;

  function slm_output_width(OUTPUT, INTEGER_WIDTH : natural) return natural is
  begin
    if OUTPUT = SLM_INT then
      return INTEGER_WIDTH;
    end if;
    return 1 + slm_exponent_bits(OUTPUT) + slm_mantissa_bits(OUTPUT);
  end function;

  function slm_trellis_width(W, P : positive) return positive is
  begin
    return W + slm_clog2(P) + 1;
  end function;

  function slm_sum_width(W, B, P : positive) return positive is
  begin
    -- |sum| <= P * 2^(W+B-2), and +P * 2^(W+B-2) can be reached: one bit more where P is a power of two.
    if 2 ** slm_clog2(P) = P then
      return W + B + slm_clog2(P);
    end if;
    return W + B - 1 + slm_clog2(P);
  end function;

  function slm_is_short(W, P : positive) return boolean is
  begin
    return P mod 2 = 0 and P / 2 * (2 ** W - 1) <= 30;
  end function;

  function slm_block_width(OUTPUT, W, B, P, E : natural; SHIFTED : boolean) return positive is
  begin
    if OUTPUT /= SLM_INT then
      return slm_output_width(OUTPUT, 0);
    elsif SHIFTED then
      return slm_sum_width(W, B, P) + 2 ** E - 1;
    end if;
    return slm_sum_width(W, B, P);
  end function;

  function slm_stream_width(OUTPUT, W, B, P, E, ADVANCE : natural) return positive is
  begin
    if ADVANCE = 0 then
      return slm_block_width(OUTPUT, W, B, P, E, true);
    end if;
    return slm_output_width(OUTPUT, slm_trellis_width(W, P));
  end function;

  function slm_sums_shared(STEP, W, P, B : positive) return boolean is
  begin
    return STEP = 1 and P >= 2 and P <= 4 and W >= 3 * P and W - P + 1 > B + P;
  end function;

  function slm_sums_stages(W, P, C : positive) return positive is
    constant BITS : positive := (C - 1) * P + W - P + 1;
    constant GRIP : positive := SLM_SUMS_GRIP * P;
  begin
    return (BITS + GRIP - 1) / GRIP;
  end function;

  function slm_sums_latency(STEP, W, P, B, C : positive) return positive is
  begin
    if slm_sums_shared(STEP, W, P, B) then
      return 3 + slm_sums_stages(W, P, C);
    end if;
    return 2 + slm_clog2(P);
  end function;

  function slm_block_latency(STEP, W, P, B, C : positive; NORM, OUTPUT : natural; POW2, SHIFTED : boolean) return positive is
    variable r : positive := slm_sums_latency(STEP, W, P, B, C);
  begin
    if OUTPUT /= SLM_INT then
      r := r + slm_float_latency(slm_if(NORM = 1 and W > 2, W - 1, 0)) + slm_if(POW2, 0, 1);
    elsif SHIFTED then
      r := r + 1;
    end if;
    return r;
  end function;

  function slm_headroom(OUTPUT, N, DIVIDE : natural) return natural is
  begin
    if OUTPUT = SLM_F16 then -- the value's top bit just below the guard bit, and one for the division
      return slm_if(DIVIDE > 0, 13, 12);
    end if;
    -- the least scale is 2^-133: how far below 2^emin the top bit of an N-bit integer can lie
    return slm_max(0, 8 + DIVIDE - N);
  end function;

  function slm_cap_max(OUTPUT, N, DIVIDE : natural) return natural is
  begin
    return N + slm_headroom(OUTPUT, N, DIVIDE) + 2 ** slm_exponent_bits(OUTPUT) - 2; -- every shift leads to infinity
  end function;

  function slm_cap_width(OUTPUT, N, DIVIDE : natural) return positive is
  begin
    return slm_clog2(slm_cap_max(OUTPUT, N, DIVIDE) + 1);
  end function;

  function slm_float_latency(DIVIDE : natural) return positive is
  begin
    if DIVIDE > 0 then
      return 4;
    end if;
    return 3;
  end function;
end package body;
