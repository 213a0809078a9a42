-- slm_exact_float: value * 2^X rounded once, ties to even, subnormals kept, overflow to infinity, 0 to +0: slm_to_float without a division.
-- X comes as slm_scale's `cap`: how far the value may be shifted up, from where slm_headroom places it, before the output is subnormal.
--
-- No absolute value is taken: the two's-complement value is shifted, its bits XORed with the sign, and the +1 that a negative number lacks
-- then is folded into the rounding. The shift is made in three parts, for the sake of 6-input LUTs: a coarse one of at most four choices,
-- which serves scales far below the output's range too (to the right then), an even one, and one place; what falls off is only ORed.
-- Latency: 3 clocks.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_exact_float is
  generic (
    IN_W   : positive := 21; -- a signed value: N = IN_W - 1 magnitude bits
    OUTPUT : natural range 1 to 3 := SLM_F16
  );
  port (
    clk    : in  std_logic;
    ce     : in  std_logic_vector(2 downto 0);
    value  : in  std_logic_vector(IN_W - 1 downto 0);
    cap    : in  std_logic_vector(slm_cap_width(OUTPUT, IN_W - 1, 0) - 1 downto 0);
    result : out std_logic_vector(slm_output_width(OUTPUT, 0) - 1 downto 0)
  );
end entity;

architecture rtl of slm_exact_float is
  constant N    : positive := IN_W - 1;
  -- F16's headroom has one place in which no bit of the value reaches the guard bit: every result is a zero there, and only that is told.
  constant IDLE : natural  := slm_if(OUTPUT = SLM_F16, 1, 0);
  constant NB   : positive := N + slm_headroom(OUTPUT, N, 0) - IDLE; -- shifts are 0 .. NB: NB for -1, all of whose XORed bits are zero
  constant MAN  : positive := slm_mantissa_bits(OUTPUT);
  constant EB   : positive := slm_exponent_bits(OUTPUT);
  constant FB   : positive := slm_max(slm_clog2((NB + 4) / 4), 2); -- bits of the shift below the coarse part
  constant FINE : positive := 2 ** FB;
  constant NG   : positive := (NB + FINE) / FINE;               -- choices of the coarse shift
  constant T    : positive := MAN + 2;                          -- places of hidden bit, mantissa and guard
  constant EW   : positive := slm_max(EB + 1, slm_clog2(slm_cap_max(OUTPUT, N, 0) + 2)); -- field, whatever it is

  signal frame_0 : std_logic_vector(0 to T + FINE - 2); -- place 0 is the hidden bit's
  signal below_0 : std_logic;
  signal match_0 : std_logic;                           -- this lane's coarse shift is the largest allowed
  signal most_0  : unsigned(FB - 1 downto 0);           -- and then this the largest fine one
  signal field_0 : unsigned(EW - 1 downto 0);
  signal sign_0  : std_logic;
  signal idle_0, idle_1 : std_logic;
  signal frame_1 : std_logic_vector(0 to T);
  signal odd_1   : std_logic;                           -- one place more to shift
  signal rest_1  : std_logic;
  signal field_1 : unsigned(EW - 1 downto 0);
  signal big_1   : std_logic;
  signal sign_1  : std_logic;

  -- The value's bit that a coarse shift of g leaves at place p: N for the sign, -1 for a zero.
  function bit_at(g, p : natural) return integer is
  begin
    return slm_max(slm_min(NB - 1 - g * FINE - p, N), -1);
  end function;
  -- Zeros before v's highest one, FINE - 1 where there is none: a tree of (any, count) pairs. Every bit is assigned by itself and every
  -- level has variables of its own: with slices of one variable, ghdl 2.0 exported a vector that had lost its constant bits.
  function leading_zeros(v : std_logic_vector(FINE - 1 downto 0)) return unsigned is
    variable any, next_any : std_logic_vector(FINE - 1 downto 0);
    type counts is array (0 to FINE - 1) of unsigned(FB - 1 downto 0);
    variable c, next_c : counts;
  begin
    for i in 0 to FINE - 1 loop
      c(i)   := (others => '0');
      any(i) := v(i);
    end loop;
    for lvl in 0 to FB - 1 loop
      for i in 0 to FINE - 1 loop
        next_any(i) := '1';
        next_c(i)   := (others => '0');
      end loop;
      for i in 0 to 2 ** (FB - 1 - lvl) - 1 loop
        if any(2 * i + 1) = '1' then
          next_c(i) := c(2 * i + 1);
        else
          next_c(i) := c(2 * i) or to_unsigned(2 ** lvl, FB);
        end if;
        next_any(i) := any(2 * i + 1) or any(2 * i);
      end loop;
      any := next_any;
      c   := next_c;
    end loop;
    return c(0);
  end function;
begin
  -- Stage 0: the coarse shift. Magnitude bit i would be shifted by NB - 1 - i.
  process (clk)
    variable most  : unsigned(cap'range); -- the largest shift allowed
    variable limit : natural range 0 to NG - 1;
    variable group_of : natural range 0 to NG - 1;
    variable source : integer;
    variable any    : std_logic;
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        idle_0 <= '0';
        most   := unsigned(cap) - IDLE;
        if IDLE = 1 and unsigned(cap) = 0 then
          idle_0 <= '1';
          most   := (others => '0');
        end if;
        limit := NG - 1;
        for g in NG - 2 downto 0 loop
          if most < (g + 1) * FINE then
            limit := g;
          end if;
        end loop;
        group_of := limit;
        for g in NG - 1 downto 0 loop
          any := '0';
          for i in 0 to N - 1 loop
            if (NB - 1 - i) / FINE = g then
              any := any or (value(i) xor value(N));
            end if;
          end loop;
          if g <= limit and any = '1' then
            group_of := g;
          end if;
        end loop;

        for p in frame_0'range loop
          frame_0(p) <= '0';
          for g in 0 to NG - 1 loop
            source := bit_at(g, p);
            if group_of = g and source >= 0 then
              frame_0(p) <= value(source);
            end if;
          end loop;
        end loop;
        any := '0';
        for g in 0 to NG - 1 loop
          for i in 0 to N - 1 loop
            if group_of = g and i < bit_at(g, frame_0'high) then
              any := any or value(i);
            end if;
          end loop;
        end loop;
        below_0 <= any;

        match_0 <= '0';
        if group_of = limit and most < NG * FINE then
          match_0 <= '1';
        end if;
        most_0  <= most(FB - 1 downto 0);
        field_0 <= (others => '0');
        for g in 0 to NG - 1 loop
          if group_of = g then
            field_0 <= resize(most, EW) + (2 ** EW + 1 - g * FINE) mod 2 ** EW;
          end if;
        end loop;
        sign_0 <= value(N);
      end if;
    end if;
  end process;

  -- Stage 1: the fine shift but its last place; the field, of a normal number.
  process (clk)
    variable found  : std_logic_vector(FINE - 1 downto 0); -- first one, or stop, at place FINE - 1 - i
    variable shift  : unsigned(FB - 1 downto 0);
    variable moved  : std_logic_vector(0 to T + FINE - 2);
    variable any    : std_logic;
    variable field  : unsigned(EW - 1 downto 0);
  begin
    if rising_edge(clk) then
      if ce(1) = '1' then
        for i in 0 to FINE - 1 loop
          found(FINE - 1 - i) := frame_0(i) xor sign_0;
          if match_0 = '1' and most_0 = i then
            found(FINE - 1 - i) := '1';
          end if;
        end loop;
        shift := leading_zeros(found);
        moved := frame_0;
        any   := below_0;
        for b in FB - 1 downto 1 loop
          if shift(b) = '1' then
            moved := moved(2 ** b to T + FINE - 2) & (1 to 2 ** b => '0');
          end if;
        end loop;
        for p in T + 1 to T + FINE - 2 loop
          any := any or moved(p);
        end loop;
        frame_1 <= moved(0 to T);
        rest_1  <= any;
        odd_1   <= shift(0);
        field   := field_0 - shift;
        field_1 <= field;
        big_1   <= '0';
        if field >= 2 ** EB - 1 then
          big_1 <= '1';
        end if;
        sign_1  <= sign_0;
        idle_1  <= idle_0;
      end if;
    end if;
  end process;

  -- Stage 2: the last place, and the rounding; a carry out of the mantissa is the exponent's, up to infinity.
  process (clk)
    variable top    : std_logic_vector(T - 1 downto 0); -- hidden bit, mantissa, guard: as shifted, before the XOR with the sign
    variable rest   : std_logic;
    variable normal : std_logic;
    variable packed : unsigned(EB + MAN - 1 downto 0);
    variable up     : std_logic;
    variable one    : unsigned(EB + MAN - 1 downto 0);
  begin
    if rising_edge(clk) then
      if ce(2) = '1' then
        for i in 0 to T - 1 loop
          if odd_1 = '1' then
            top(T - 1 - i) := frame_1(i + 1);
          else
            top(T - 1 - i) := frame_1(i);
          end if;
        end loop;
        rest   := rest_1 or (frame_1(T) and not odd_1);
        normal := top(T - 1) xor sign_1;
        for i in 0 to MAN - 1 loop
          packed(i) := top(i + 1) xor sign_1;
        end loop;
        for i in 0 to EB - 1 loop
          packed(MAN + i) := field_1(i) and normal;
        end loop;
        -- Positive: guard and (odd or rest). Negative, in the XORed bits: guard, or (odd and all ones below), for the number is one larger.
        if sign_1 = '0' then
          up := top(0) and (packed(0) or rest);
        else
          up := (not top(0)) or (packed(0) and not rest);
        end if;
        one    := (others => '0');
        one(0) := up and not idle_1;
        result(MAN + EB - 1 downto 0) <= std_logic_vector(packed + one);
        if (big_1 and normal) = '1' then
          result(MAN + EB - 1 downto MAN) <= (others => '1');
          result(MAN - 1 downto 0)        <= (others => '0');
        end if;
        result(MAN + EB) <= sign_1;
      end if;
    end if;
  end process;
end architecture;
