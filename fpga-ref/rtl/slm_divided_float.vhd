-- slm_divided_float: value * 2^X / (2^DIVIDE - 1) rounded once, ties to even, subnormals kept, overflow to infinity, 0 to +0: slm_to_float
-- with a division. X comes as slm_scale's `cap` and `stop`: a shift stops at `stop`, the place where the output becomes subnormal; the
-- headroom above the value lets the same shifter serve scales far below the output's range.
-- Latency: 4 clocks.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_divided_float is
  generic (
    IN_W   : positive := 7; -- a signed value: N = IN_W - 1 magnitude bits
    OUTPUT : natural range 1 to 3 := SLM_F16;
    DIVIDE : positive := 15 -- n >= 2: divide by 2^n - 1
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

architecture rtl of slm_divided_float is
  constant N    : positive := IN_W - 1;
  constant NB   : positive := N + slm_headroom(OUTPUT, N, DIVIDE);
  constant MAN  : positive := slm_mantissa_bits(OUTPUT);
  constant EB   : positive := slm_exponent_bits(OUTPUT);
  constant CW   : positive := slm_cap_width(OUTPUT, N, DIVIDE);
  constant SHW  : positive := slm_clog2(NB + 1);
  constant LAST : positive := slm_float_latency(DIVIDE) - 1;
  -- Width of the shifted value: room for hidden bit, mantissa, guard and one bit to be sticky.
  constant MW   : positive := slm_max(NB, MAN + 3);

  -- Leading zeros of v, v'length if there is no one: a tree of (any, count) pairs over v padded with ones to a power of two. Every bit is
  -- assigned by itself and every level has variables of its own: with slices of one variable, ghdl 2.0 exported a vector that had lost its
  -- constant bits.
  function leading_zeros(v : std_logic_vector(NB - 1 downto 0)) return unsigned is
    constant L : positive := SHW;
    constant M : positive := 2 ** L;
    variable any, next_any : std_logic_vector(M - 1 downto 0);
    type counts is array (0 to M - 1) of unsigned(L - 1 downto 0);
    variable c, next_c : counts;
  begin
    for i in 0 to M - 1 loop
      c(i) := (others => '0');
      if i >= M - NB then
        any(i) := v(i - (M - NB));
      else
        any(i) := '1';
      end if;
    end loop;
    for lvl in 0 to L - 1 loop
      for i in 0 to M - 1 loop
        next_any(i) := '1';
        next_c(i)   := (others => '0');
      end loop;
      for i in 0 to 2 ** (L - 1 - lvl) - 1 loop
        if any(2 * i + 1) = '1' then
          next_c(i) := c(2 * i + 1);
        else
          next_c(i) := c(2 * i) or to_unsigned(2 ** lvl, L);
        end if;
        next_any(i) := any(2 * i + 1) or any(2 * i);
      end loop;
      any := next_any;
      c   := next_c;
    end loop;
    return c(0);
  end function;

  -- v shifted up, by powers of two in turn.
  function shifted(v : unsigned(MW - 1 downto 0); amount : unsigned(SHW - 1 downto 0)) return unsigned is
    variable r : unsigned(MW - 1 downto 0) := v;
  begin
    for i in SHW - 1 downto 0 loop
      if amount(i) = '1' then
        r := shift_left(r, 2 ** i);
      end if;
    end loop;
    return r;
  end function;

  signal value_0   : std_logic_vector(N - 1 downto 0);
  signal sign_0    : std_logic;
  signal shift_0   : unsigned(SHW - 1 downto 0);
  signal room_0    : unsigned(CW - 1 downto 0); -- cap - shift: the exponent field less one, if the result is normal
  signal rounded_d : std_logic_vector(MAN + EB downto 0);
  signal field     : unsigned(EB - 1 downto 0);
  signal fraction  : std_logic_vector(MAN - 1 downto 0);
  signal up        : std_logic;
  signal negative  : std_logic;
  signal infinite  : std_logic;

  -- The exponent field of room + extra, and whether that is past the largest finite one.
  function too_large(room : unsigned(CW - 1 downto 0); extra : natural) return std_logic is
  begin
    if room >= 2 ** EB - 1 - extra then
      return '1';
    end if;
    return '0';
  end function;
begin
  -- Stage 0: how far to shift.
  process (clk)
    variable magnitude : std_logic_vector(NB - 1 downto 0);
    variable shift     : unsigned(SHW - 1 downto 0);
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        magnitude := (others => '0');
        for i in 0 to N - 1 loop
          magnitude(i) := value(i) xor value(IN_W - 1);
        end loop;
        shift   := leading_zeros(magnitude or stop);
        value_0 <= value(N - 1 downto 0);
        sign_0  <= value(IN_W - 1);
        shift_0 <= shift;
        room_0  <= unsigned(cap) - shift;
      end if;
    end if;
  end process;

  divided : if DIVIDE > 0 generate
    -- quotient = magnitude * 2^KUP / (2^DIVIDE - 1) has MAN + 1 fraction bits: mantissa and guard.
    constant KUP : integer  := MAN + 1 - (MW - 1) + DIVIDE;
    constant KDN : natural  := slm_max(0, -KUP);
    constant QW  : positive := MAN + 3;
    constant XW  : positive := MW + 1 + slm_max(0, KUP);          -- the dividend before low bits are dropped
    constant DW  : positive := ((XW + DIVIDE - 1) / DIVIDE + 1) * DIVIDE; -- padded to whole digits
    signal magnitude_1 : std_logic_vector(MW downto 0);
    signal sign_1, sign_2, sticky_2 : std_logic;
    signal room_1, room_2 : unsigned(CW - 1 downto 0);
    signal quotient_2  : unsigned(QW - 1 downto 0);
  begin
    -- Stage 1: the shift, and the absolute value.
    process (clk)
      variable wide : unsigned(MW - 1 downto 0);
      variable flip : unsigned(MW downto 0);
    begin
      if rising_edge(clk) then
        if ce(1) = '1' then
          wide := (others => '0');
          wide(MW - 1 downto MW - NB) := (others => sign_0);
          wide(MW - NB + N - 1 downto MW - NB) := unsigned(value_0);
          wide := shifted(wide, shift_0);
          flip := (others => '0');
          for i in 0 to MW - 1 loop
            flip(i) := wide(i) xor sign_0;
          end loop;
          if sign_0 = '1' then
            flip := flip + 1;
          end if;
          magnitude_1 <= std_logic_vector(flip);
          sign_1 <= sign_0;
          room_1 <= room_0;
        end if;
      end if;
    end process;

    -- Stage 2: the division. x = high * 2^d + low = high * (2^d - 1) + (high + low): add high to the quotient, go on with high + low.
    process (clk)
      variable x, q, high, low : unsigned(DW - 1 downto 0);
      variable dropped, ones   : std_logic;
    begin
      if rising_edge(clk) then
        if ce(2) = '1' then
          x := (others => '0');
          x(XW - 1 downto XW - 1 - MW) := unsigned(magnitude_1);
          dropped := '0';
          for i in 0 to KDN - 1 loop
            dropped := dropped or x(i);
          end loop;
          x := shift_right(x, KDN);
          q := (others => '0');
          for digit in 1 to DW / DIVIDE loop
            high := (others => '0');
            high(DW - DIVIDE - 1 downto 0) := x(DW - 1 downto DIVIDE);
            low := (others => '0');
            low(DIVIDE - 1 downto 0) := x(DIVIDE - 1 downto 0);
            q := q + high;
            x := high + low;
          end loop;
          -- What is left lies in 0 .. 2^d - 1, and all ones is once the divisor.
          ones := '1';
          for i in 0 to DIVIDE - 1 loop
            ones := ones and x(i);
          end loop;
          if ones = '1' then
            q := q + 1;
            x := (others => '0');
          end if;
          if x /= 0 then
            dropped := '1';
          end if;
          quotient_2 <= q(QW - 1 downto 0);
          sticky_2   <= dropped;
          sign_2     <= sign_1;
          room_2     <= room_1;
        end if;
      end if;
    end process;

    -- The division may carry the number into the next binade: one place less for the mantissa then.
    process (all)
    begin
      negative <= sign_2;
      if quotient_2(QW - 1) = '1' then
        field    <= room_2(EB - 1 downto 0) + 2;
        infinite <= too_large(room_2, 2);
        fraction <= std_logic_vector(quotient_2(MAN + 1 downto 2));
        up       <= quotient_2(1) and (quotient_2(2) or quotient_2(0) or sticky_2);
      else
        if quotient_2(QW - 2) = '1' then
          field    <= room_2(EB - 1 downto 0) + 1;
          infinite <= too_large(room_2, 1);
        else
          field    <= (others => '0');
          infinite <= '0';
        end if;
        fraction <= std_logic_vector(quotient_2(MAN downto 1));
        up       <= quotient_2(0) and (quotient_2(1) or sticky_2);
      end if;
    end process;
  end generate;

  -- Last stage: round and pack; a carry out of the mantissa is the exponent's, up to infinity.
  process (all)
    variable increment : unsigned(EB + MAN - 1 downto 0);
  begin
    increment    := (others => '0');
    increment(0) := up;
    rounded_d(MAN + EB) <= negative;
    if infinite = '1' then
      rounded_d(MAN + EB - 1 downto MAN) <= (others => '1');
      rounded_d(MAN - 1 downto 0) <= (others => '0');
    else
      rounded_d(MAN + EB - 1 downto 0) <= std_logic_vector((field & unsigned(fraction)) + increment);
    end if;
  end process;

  process (clk)
  begin
    if rising_edge(clk) then
      if ce(LAST) = '1' then
        result <= rounded_d;
      end if;
    end if;
  end process;
end architecture;
