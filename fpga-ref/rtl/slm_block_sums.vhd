-- slm_block_sums: a record's seed and coefficients to its C sums, sum over p of q_p * (v_{cP+p} - 2^(W-1)), every clock. The arithmetic
-- alone; ce(i) loads stage i. Latency slm_sums_latency.
--
-- The entries of a block are windows of one stream, a linear function of the seed (leap-forward LFSR: XORs, no steps). Two schemes:
--
-- shared (step 1, P = 2..4): with u counted from a weight's first entry's bit 0, stream bits u = P-1 .. W-1 belong to all P windows of the
--   weight and weigh k * 2^(u-(P-1)), k = sum of q_p * 2^(P-1-p): one product k * bits replaces P. The next weight's bits lie P further in
--   the same stream, so one long multiplication k * stream, from its low end up, serves the whole block: after the bits below position a it
--   has given those of the product below a and keeps a carry c(a) of B+P bits, and the product of the M bits from a on is
--   2^M * c(a+M) + the product's bits a .. a+M-1 - c(a). A step takes two bits of the stream at once (0, k, 2k or 3k is added: one LUT a bit),
--   or one bit where a weight begins or ends between.
--   What the ends lack comes from two tables that the block shares: `low` for bits u < P-1 and `high` for bits u >= W; and -2^(W-1) for each
--   entry is -2^(P-2) * Q * 2^M, Q = sum of q_p. Both come in where a carry is taken:
--     d = c(a) - low,  x = c(a+M) + high,  sum = (2^M * x + product bits) - (2^M * 2^(P-2) * Q + d).
--   All of these are written as subtractions (of -k, -high): yosys then takes the carry chain's own input from the minuend, a register, and
--   maps the choice among multiples or table entries into the same LUT as the chain's XOR; of a sum it takes whichever it likes.
-- direct (all others): P products a weight.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_block_sums is
  generic (
    K    : positive := 16;
    TAPS : positive := 4107;
    STEP : positive := 1;
    W    : positive := 16;
    P    : positive := 3;
    C    : positive := 8;
    B    : positive := 4
  );
  port (
    clk  : in  std_logic;
    ce   : in  std_logic_vector(slm_sums_latency(STEP, W, P, B, C) - 1 downto 0);
    seed : in  std_logic_vector(K - 1 downto 0);
    q    : in  std_logic_vector(P * B - 1 downto 0);
    sums : out std_logic_vector(C * slm_sum_width(W, B, P) - 1 downto 0)
  );
end entity;

architecture rtl of slm_block_sums is
  constant SW    : positive := slm_sum_width(W, B, P);
  constant COUNT : positive := C * P * STEP + K; -- stream bits 0 .. COUNT-1 hold every entry
  constant ROWS  : slm_row_array(0 to COUNT - 1) := slm_stream_rows(K, TAPS, COUNT);

  signal stream_0 : std_logic_vector(COUNT - 1 downto 0);
  signal q_0      : std_logic_vector(P * B - 1 downto 0);

  -- a, a two's complement number, as WIDTH bits.
  function extend(a : std_logic_vector; WIDTH : positive) return unsigned is
    variable r : unsigned(WIDTH - 1 downto 0) := (others => a(a'high));
  begin
    r(slm_min(a'length, WIDTH) - 1 downto 0) := unsigned(a(a'low + slm_min(a'length, WIDTH) - 1 downto a'low));
    return r;
  end function;
begin
  process (clk)
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        for i in 0 to COUNT - 1 loop
          stream_0(i) <= slm_xor(seed, ROWS(i)(K - 1 downto 0));
        end loop;
        q_0 <= q;
      end if;
    end if;
  end process;

  shared_windows : if slm_sums_shared(STEP, W, P, B) generate
    constant M      : positive := W - P + 1;       -- bits that all windows of a weight share
    constant FIRST  : positive := 1 + K - W;       -- weight i begins at stream bit FIRST + i*P
    constant ORIGIN : positive := FIRST + P - 1;   -- its shared bits at ORIGIN + i*P
    constant KW     : positive := B + P;           -- k and the carry: |k| <= 2^(B-1) * (2^P - 1)
    constant AW     : positive := KW + 2;          -- a step's sum
    constant LW     : positive := B + slm_clog2(2 ** P - P - 1 + slm_if(P = 2, 1, 0)); -- |low| <= 2^(B-1) * (2^P - P - 1)
    constant DW     : positive := KW + 1;
    constant XW     : positive := SW - M;          -- what lies above the product's bits, modulo 2^XW
    constant NT     : positive := 2 ** (P - 1);    -- entries of each table
    constant GRIP   : positive := SLM_SUMS_GRIP * P; -- stream bits a stage takes
    constant STAGES : positive := slm_sums_stages(W, P, C);
    constant FINISH : positive := ORIGIN + (C - 1) * P + M; -- the end of the last weight's shared bits

    -- Whether a carry is taken at position a: a weight's shared bits begin or end there.
    function is_border(a : natural) return boolean is
    begin
      return (a - ORIGIN) mod P = 0 or (a - ORIGIN) mod P = M mod P;
    end function;

    -- Whether a step begins at position a: from a border on every second position, up to the next border.
    function is_first(a : natural) return boolean is
      variable r : boolean := true;
    begin
      for i in ORIGIN to a loop
        r := is_border(i) or not r;
      end loop;
      return r;
    end function;

    -- digit * -k, of -k and -3k.
    function multiple(k1 : std_logic_vector(KW - 1 downto 0); k3 : std_logic_vector(AW - 1 downto 0); digit : std_logic_vector(1 downto 0))
      return unsigned is
      variable r : unsigned(AW - 1 downto 0);
    begin
      if digit = "01" then
        r := extend(k1, AW);
      elsif digit = "10" then
        r := shift_left(extend(k1, AW), 1);
      elsif digit = "11" then
        r := unsigned(k3);
      else
        r := (others => '0');
      end if;
      return r;
    end function;

    type low_array is array (0 to NT - 1) of std_logic_vector(LW - 1 downto 0);
    type high_array is array (0 to NT - 1) of std_logic_vector(XW - 1 downto 0);
    type d_array is array (0 to C - 1) of std_logic_vector(DW - 1 downto 0);
    type x_array is array (0 to C - 1) of std_logic_vector(XW - 1 downto 0);
    -- All that goes from stage to stage of the multiplication.
    type stage is record
      stream : std_logic_vector(COUNT - 1 downto 0);
      k      : std_logic_vector(KW - 1 downto 0); -- -k
      k3     : std_logic_vector(AW - 1 downto 0); -- -3k
      low    : low_array;
      high   : high_array; -- negated
      mean   : std_logic_vector(XW - 1 downto 0); -- 2^(P-2) * Q
      below  : std_logic_vector(XW - 1 downto 0); -- and one less
      carry  : std_logic_vector(KW - 1 downto 0);
      bits   : std_logic_vector(COUNT - 1 downto 0); -- the product's, as far as it has come
      d      : d_array;
      x      : x_array;
    end record;
    type stages_array is array (0 to STAGES) of stage;
    signal s : stages_array;
  begin
    -- Stage 1: what the block's weights share.
    process (clk)
      variable q_j    : unsigned(XW + AW - 1 downto 0);
      variable horner : unsigned(XW + AW - 1 downto 0); -- sum of q_p * 2^(j-p), p <= j
      variable mean   : unsigned(XW + AW - 1 downto 0);
      type wide_array is array (0 to NT - 1) of unsigned(XW + AW - 1 downto 0);
      variable low, high : wide_array;
    begin
      if rising_edge(clk) then
        if ce(1) = '1' then
          s(0).stream <= stream_0;
          s(0).carry  <= (others => '0');
          s(0).bits   <= (others => '0');
          s(0).d      <= (others => (others => '0'));
          s(0).x      <= (others => (others => '0'));
          horner  := (others => '0');
          mean    := (others => '0');
          low(0)  := (others => '0');
          high(0) := (others => '0');
          for j in 0 to P - 1 loop
            q_j    := extend(q_0((j + 1) * B - 1 downto j * B), q_j'length);
            horner := shift_left(horner, 1) + q_j;
            mean   := mean + q_j;
            if j < P - 1 then -- stream bit u = j weighs horner
              for i in 0 to 2 ** j - 1 loop
                low(2 ** j + i) := low(i) + horner;
              end loop;
            end if;
          end loop;
          s(0).k  <= std_logic_vector(0 - horner(KW - 1 downto 0));
          s(0).k3 <= std_logic_vector(horner(AW - 1 downto 0) - shift_left(horner(AW - 1 downto 0), 2));
          horner := (others => '0');
          for j in P - 2 downto 0 loop -- stream bit u = W + j weighs sum of q_p * 2^(j+P-1-p), p > j
            horner := horner - shift_left(extend(q_0((j + 2) * B - 1 downto (j + 1) * B), horner'length), P - 2 - j);
            high(2 ** j) := shift_left(horner, j);
          end loop;
          for i in 1 to NT - 1 loop
            for j in 0 to P - 2 loop
              if i > 2 ** j and i < 2 ** (j + 1) then
                high(i) := high(2 ** j) + high(i - 2 ** j);
              end if;
            end loop;
          end loop;
          mean := shift_left(mean, P - 2);
          s(0).mean  <= std_logic_vector(mean(XW - 1 downto 0));
          s(0).below <= std_logic_vector(mean(XW - 1 downto 0) - 1);
          for i in 0 to NT - 1 loop
            s(0).low(i)  <= std_logic_vector(low(i)(LW - 1 downto 0));
            s(0).high(i) <= std_logic_vector(high(i)(XW - 1 downto 0));
          end loop;
        end if;
      end if;
    end process;

    -- Stages 2 ..: the multiplication, GRIP bits a stage, and each weight's d and x on the way. Each bit and element has one assignment of
    -- its own: of a variable or record assigned whole and then partly, ghdl 2.0 exported a stage without one weight's d.
    multiply : for n in 1 to STAGES generate
      constant FROM : natural := ORIGIN + (n - 1) * GRIP;
      constant UPTO : natural := slm_min(FROM + GRIP, FINISH);
      type carry_array is array (FROM to UPTO) of std_logic_vector(KW - 1 downto 0);
      signal carry : carry_array; -- before the step that begins there
      signal bits  : std_logic_vector(COUNT - 1 downto 0);
      signal d     : d_array;
      signal x     : x_array;
    begin
      carry(FROM) <= s(n - 1).carry;

      position : for a in 0 to COUNT - 1 generate
        elsewhere : if a < FROM or a >= UPTO generate
          bits(a) <= s(n - 1).bits(a);
        end generate;
        here : if a >= FROM and a < UPTO generate
          one_bit : if is_first(a) and is_border(a + 1) generate
            signal sum : unsigned(AW - 1 downto 0);
          begin
            sum          <= extend(carry(a), AW) - multiple(s(n - 1).k, s(n - 1).k3, '0' & s(n - 1).stream(a));
            bits(a)      <= sum(0);
            carry(a + 1) <= std_logic_vector(sum(KW downto 1));
          end generate;
          two_bits : if is_first(a) and not is_border(a + 1) generate
            signal sum : unsigned(AW - 1 downto 0);
          begin
            sum          <= extend(carry(a), AW) - multiple(s(n - 1).k, s(n - 1).k3, s(n - 1).stream(a + 1 downto a));
            bits(a)      <= sum(0);
            bits(a + 1)  <= sum(1);
            carry(a + 1) <= (others => '0'); -- not looked at
            carry(a + 2) <= std_logic_vector(sum(KW + 1 downto 2));
          end generate;
        end generate;
      end generate;

      -- The carry at the end of the stage belongs to the weight that ends there; for the one that begins there it is the next stage's.
      weight : for i in 0 to C - 1 generate
        constant HEAD : natural := ORIGIN + i * P;
        constant TAIL : natural := HEAD + M;
      begin
        begins : if HEAD >= FROM and HEAD < FROM + GRIP generate
          d(i) <= std_logic_vector(extend(carry(HEAD), DW)
            - extend(s(n - 1).low(to_integer(unsigned(s(n - 1).stream(HEAD - 1 downto HEAD - P + 1)))), DW));
        end generate;
        begins_elsewhere : if HEAD < FROM or HEAD >= FROM + GRIP generate
          d(i) <= s(n - 1).d(i);
        end generate;
        ends : if TAIL > FROM and TAIL <= UPTO generate
          x(i) <= std_logic_vector(extend(carry(TAIL), XW)
            - unsigned(s(n - 1).high(to_integer(unsigned(s(n - 1).stream(TAIL + P - 2 downto TAIL))))));
        end generate;
        ends_elsewhere : if TAIL <= FROM or TAIL > UPTO generate
          x(i) <= s(n - 1).x(i);
        end generate;
      end generate;

      process (clk)
      begin
        if rising_edge(clk) then
          if ce(n + 1) = '1' then
            s(n).stream <= s(n - 1).stream;
            s(n).k      <= s(n - 1).k;
            s(n).k3     <= s(n - 1).k3;
            s(n).low    <= s(n - 1).low;
            s(n).high   <= s(n - 1).high;
            s(n).mean   <= s(n - 1).mean;
            s(n).below  <= s(n - 1).below;
            s(n).carry  <= carry(UPTO);
            s(n).bits   <= bits;
            s(n).d      <= d;
            s(n).x      <= x;
          end if;
        end if;
      end process;
    end generate;

    -- Last stage.
    result : for i in 0 to C - 1 generate
      process (clk)
        variable left  : unsigned(SW - 1 downto 0);
        variable d     : std_logic_vector(DW - 1 downto 0);
        variable top   : std_logic_vector(XW - 1 downto 0);
      begin
        if rising_edge(clk) then
          if ce(STAGES + 2) = '1' then
            d   := s(STAGES).d(i);
            top := s(STAGES).mean;
            if d(DW - 1) = '1' then
              top := s(STAGES).below; -- d's sign
            end if;
            left := unsigned(s(STAGES).x(i)) & unsigned(s(STAGES).bits(ORIGIN + i * P + M - 1 downto ORIGIN + i * P));
            sums((i + 1) * SW - 1 downto i * SW) <= std_logic_vector(left - (unsigned(top) & extend(d, M)));
          end if;
        end if;
      end process;
    end generate;
  end generate;

  direct : if not slm_sums_shared(STEP, W, P, B) generate
    constant LEVELS : natural  := slm_clog2(P);
    constant N      : positive := 2 ** LEVELS;
    signal tree_ce  : std_logic_vector(slm_max(LEVELS, 1) - 1 downto 0);
  begin
    tree : if LEVELS > 0 generate
      tree_ce <= ce(LEVELS + 1 downto 2);
    end generate;
    no_tree : if LEVELS = 0 generate
      tree_ce <= "0";
    end generate;

    weights : for i in 0 to C - 1 generate
      signal products : std_logic_vector(N * SW - 1 downto 0);
      signal total    : std_logic_vector(SW + LEVELS - 1 downto 0);
    begin
      process (clk)
        variable entry : std_logic_vector(W - 1 downto 0);
        variable sum   : unsigned(W + B - 1 downto 0);
        variable row   : unsigned(W + B - 1 downto 0);
        variable at    : natural;
      begin
        if rising_edge(clk) then
          if ce(1) = '1' then
            for j in 0 to N - 1 loop
              if j < P then
                at    := (i * P + j + 1) * STEP + K - W;
                entry := stream_0(at + W - 1 downto at);
                entry(W - 1) := not entry(W - 1); -- v - 2^(W-1) in two's complement
                sum := (others => '0');
                for n_bit in 0 to B - 1 loop
                  if q_0(j * B + n_bit) = '1' then
                    row := shift_left(extend(entry, W + B), n_bit);
                  else
                    row := (others => '0');
                  end if;
                  if n_bit = B - 1 then
                    sum := sum - row;
                  else
                    sum := sum + row;
                  end if;
                end loop;
                products((j + 1) * SW - 1 downto j * SW) <= std_logic_vector(extend(std_logic_vector(sum), SW));
              else
                products((j + 1) * SW - 1 downto j * SW) <= (others => '0');
              end if;
            end loop;
          end if;
        end if;
      end process;
      add : entity work.slm_adder_tree
        generic map (N => N, W => SW)
        port map (clk => clk, ce => tree_ce, terms => products, result => total);
      sums((i + 1) * SW - 1 downto i * SW) <= total(SW - 1 downto 0); -- modulo 2^SW
    end generate;
  end generate;
end architecture;
