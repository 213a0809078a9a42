-- slm_block_sums: a record's seed and coefficients to its C sums, sum over p of q_p * (v_{cP+p} - 2^(W-1)), every clock. The arithmetic
-- alone; ce(i) loads stage i. Latency slm_sums_latency.
--
-- The entries of a block are windows of one stream, a linear function of the seed (leap-forward LFSR: XORs, no steps). Two schemes:
--
-- shared (step 1, P = 2..4): the P windows of a weight overlap in all but their ends. With u counted from the first entry's bit 0, stream
--   bits u = P-1 .. W-1 belong to every window and weigh k * 2^(u-(P-1)), k = sum of q_p * 2^(P-1-p), so one product k * bits replaces P.
--   The next weight's bits lie P further: cut into chunks of P bits, all weights share the chunks' products, and the sums of two of them.
--   What the ends lack comes from two tables the block shares: `low` for bits u < P-1, `high` for bits u >= W (less what the chunks
--   counted too much there) and the -2^(W-1). `low` is made nonnegative by adding 2^BIAS, so that both are one number, side by side; the
--   2^BIAS goes back out through a constant added to every chunk's product: sum of (2^P-1) * 2^(P*i) over NC chunks is 2^(P*NC) - 1, so
--   2^BIAS * (2^P-1) in each adds -2^BIAS modulo 2^(P*NC), and `high` takes the rest.
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
    ce   : in  std_logic_vector(slm_sums_latency(STEP, W, P, B) - 1 downto 0);
    seed : in  std_logic_vector(K - 1 downto 0);
    q    : in  std_logic_vector(P * B - 1 downto 0);
    sums : out std_logic_vector(C * slm_sum_width(W, B, P) - 1 downto 0)
  );
end entity;

architecture rtl of slm_block_sums is
  constant SW    : positive := slm_sum_width(W, B, P);
  constant COUNT : positive := C * P * STEP + K; -- stream bits 0 .. COUNT-1 hold every entry
  constant ROWS  : slm_row_array(0 to COUNT - 1) := slm_stream_rows(K, TAPS, COUNT, false);

  signal stream_0 : std_logic_vector(COUNT - 1 downto 0);
  signal q_0      : std_logic_vector(P * B - 1 downto 0);

  -- a, a two's complement number, as WIDTH bits; and times a constant, modulo 2^WIDTH.
  function extend(a : std_logic_vector; WIDTH : positive) return unsigned is
    variable r : unsigned(WIDTH - 1 downto 0) := (others => a(a'high));
  begin
    r(slm_min(a'length, WIDTH) - 1 downto 0) := unsigned(a(a'low + slm_min(a'length, WIDTH) - 1 downto a'low));
    return r;
  end function;

  function times(a : std_logic_vector; factor : integer; WIDTH : positive) return unsigned is
    constant x   : unsigned(WIDTH - 1 downto 0) := extend(a, WIDTH);
    variable r   : unsigned(WIDTH - 1 downto 0) := (others => '0');
  begin
    for i in 0 to 23 loop
      if (abs factor / 2 ** i) mod 2 = 1 then
        if factor > 0 then
          r := r + shift_left(x, i);
        else
          r := r - shift_left(x, i);
        end if;
      end if;
    end loop;
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
    constant NC    : positive := slm_sums_chunks(W, P);
    constant PAIRS : positive := (NC + 1) / 2;
    constant BIAS  : natural  := slm_sums_bias(P, B);
    constant U     : positive := slm_min(W - 1, P * NC);        -- weight of the high table's unit
    constant REACH : natural  := P - 2 + P * NC;                -- the highest u that the chunks cover
    constant SPAN  : natural  := W + P - 2;                     -- the highest u of a weight
    constant FIRST : natural  := 1 + K - W;                     -- weight i begins at stream bit FIRST + i*P
    constant KW    : positive := B + P;                         -- k: |k| <= 2^(B-1) * (2^P - 1)
    constant ADDED : natural  := 2 ** BIAS * (2 ** P - 1);
    constant DIGIT : natural  := slm_if(P = 4, 3 * 2 ** BIAS, ADDED);  -- in the product of 2 bits; for P = 4 two of them make 5 * DIGIT
    -- Bounds of a chunk's product with ADDED: it lies in -LEAST .. MOST.
    constant LEAST : integer  := 2 ** (B - 1) * (2 ** P - 1) ** 2 - ADDED;
    constant MOST  : positive := (2 ** (B - 1) - 1) * (2 ** P - 1) ** 2 + ADDED;
    constant BOUND : positive := slm_max(LEAST, MOST + 1);
    constant CW    : positive := 1 + slm_clog2(BOUND);                 -- a chunk's product
    constant PW    : positive := 1 + slm_clog2(BOUND * (2 ** P + 1));  -- the sum of a pair
    constant NCH   : positive := C + NC - 1;                    -- chunks that the block uses
    constant LW    : positive := BIAS + 1;
    constant HW    : positive := SW - U;
    constant NT    : positive := 2 ** (P - 1);                  -- entries of each table

    -- Coefficient of q_p in the low table's entry for end bits `index`, in the high table's entry, as integers.
    function low_factor(index, p_index : natural) return integer is
      variable r : integer := 0;
    begin
      for u_index in 0 to P - 2 loop
        if (index / 2 ** u_index) mod 2 = 1 and p_index <= u_index then
          r := r + 2 ** (u_index - p_index);
        end if;
      end loop;
      return r;
    end function;

    function high_factor(index, p_index : natural) return integer is
      variable r : integer := -(2 ** (W - 1 - U));
    begin
      for u_index in W to SPAN loop
        if (index / 2 ** (u_index - W)) mod 2 = 1 then
          if u_index - p_index <= W - 1 then
            if u_index > REACH then
              r := r + 2 ** (u_index - p_index - U);
            end if;
          elsif u_index <= REACH then
            r := r - 2 ** (u_index - p_index - U); -- counted by the chunks, but beyond this entry's window
          end if;
        end if;
      end loop;
      return r;
    end function;

    type k_array is array (0 to 3) of std_logic_vector(CW - 1 downto 0);
    type low_array is array (0 to NT - 1) of std_logic_vector(LW - 1 downto 0);
    type high_array is array (0 to NT - 1) of std_logic_vector(HW - 1 downto 0);
    type chunk_array is array (0 to NCH - 1) of std_logic_vector(CW - 1 downto 0);
    type pair_array is array (0 to NCH - 2) of std_logic_vector(PW - 1 downto 0);
    type sum_array is array (0 to C - 1) of std_logic_vector(SW - 1 downto 0);
    type ends_array is array (0 to PAIRS) of std_logic_vector(C * SW - 1 downto 0);
    type last_array is array (0 to PAIRS) of chunk_array;
    type pairs_array is array (0 to PAIRS - 1) of pair_array;
    type partial_array is array (1 to PAIRS) of sum_array;

    signal stream_1 : std_logic_vector(COUNT - 1 downto 0);
    signal low_1    : low_array;
    signal high_1   : high_array;
    signal digit_1  : k_array;                                  -- DIGIT + 0, k, 2k, 3k
    signal k_1      : std_logic_vector(KW - 1 downto 0);
    signal chunk    : last_array;                               -- (s): chunk products at stage 2+s
    signal pair     : pairs_array;                              -- (s): sums of two neighbours at stage 3+s
    signal ends     : ends_array;                               -- (s): high and low side by side at stage 2+s
    signal partial  : partial_array;                            -- (s), s > 0: sum of the first 2+2s chunks at stage 3+s
  begin
    process (clk)
      variable kk    : unsigned(CW - 1 downto 0);
      variable low   : unsigned(LW - 1 downto 0);
      variable high  : unsigned(HW - 1 downto 0);
      variable index : natural range 0 to 3;
      variable c1    : unsigned(CW - 1 downto 0);
      variable both  : std_logic_vector(SW - 1 downto 0);
      variable at    : natural;
      variable sum   : unsigned(SW - 1 downto 0);
      variable term  : unsigned(SW - 1 downto 0);
    begin
      if rising_edge(clk) then
        -- Stage 1: what the block's weights share.
        if ce(1) = '1' then
          stream_1 <= stream_0;
          kk := (others => '0');
          for j in 0 to P - 1 loop
            kk := kk + times(q_0((j + 1) * B - 1 downto j * B), 2 ** (P - 1 - j), CW);
          end loop;
          k_1 <= std_logic_vector(kk(KW - 1 downto 0));
          digit_1(0) <= std_logic_vector(to_unsigned(DIGIT, CW));
          digit_1(1) <= std_logic_vector(kk + DIGIT);
          digit_1(2) <= std_logic_vector(shift_left(kk, 1) + DIGIT);
          digit_1(3) <= std_logic_vector(shift_left(kk, 1) + kk + DIGIT);
          for i in 0 to NT - 1 loop
            low  := to_unsigned(2 ** BIAS, LW);
            high := to_unsigned(2 ** HW - 2 ** (BIAS + P * NC - U) mod 2 ** HW, HW + 1)(HW - 1 downto 0);
            for j in 0 to P - 1 loop
              low  := low + times(q_0((j + 1) * B - 1 downto j * B), low_factor(i, j), LW);
              high := high + times(q_0((j + 1) * B - 1 downto j * B), high_factor(i, j), HW);
            end loop;
            low_1(i)  <= std_logic_vector(low);
            high_1(i) <= std_logic_vector(high);
          end loop;
        end if;

        -- Stage 2: the chunks' products, and each weight's ends.
        if ce(2) = '1' then
          for i in 0 to NCH - 1 loop
            at := FIRST + P - 1 + i * P;
            index := to_integer(unsigned(stream_1(at + 1 downto at)));
            c1 := unsigned(digit_1(index));
            if P = 3 and stream_1(at + P - 1) = '1' then
              c1 := c1 + shift_left(extend(k_1, CW), 2);
            elsif P = 4 then
              c1 := c1 + shift_left(unsigned(digit_1(to_integer(unsigned(stream_1(at + P - 1 downto at + P - 2))))), 2);
            end if;
            chunk(0)(i) <= std_logic_vector(c1);
          end loop;
          for i in 0 to C - 1 loop
            at := FIRST + i * P;
            both := (others => '0');
            both(LW - 1 downto 0) := low_1(to_integer(unsigned(stream_1(at + P - 2 downto at))));
            both(SW - 1 downto U) := high_1(to_integer(unsigned(stream_1(at + SPAN downto at + W))));
            ends(0)((i + 1) * SW - 1 downto i * SW) <= both;
          end loop;
        end if;

        -- Stage 3: pairs of chunks.
        if ce(3) = '1' then
          chunk(1) <= chunk(0);
          ends(1)  <= ends(0);
          for i in 0 to NCH - 2 loop
            pair(0)(i) <= std_logic_vector(extend(chunk(0)(i), PW) + shift_left(extend(chunk(0)(i + 1), PW), P));
          end loop;
        end if;

        -- Stages 4 ..: a weight adds a pair after the other, the last chunk alone where their number is odd, and at last the ends.
        for s in 1 to PAIRS loop
          if ce(3 + s) = '1' then
            if s < PAIRS then
              chunk(s + 1) <= chunk(s);
              ends(s + 1)  <= ends(s);
              pair(s)      <= pair(s - 1);
            end if;
            for i in 0 to C - 1 loop
              if s = 1 then
                sum := extend(pair(0)(i), SW);
              else
                sum := unsigned(partial(s - 1)(i));
              end if;
              if s = PAIRS then
                term := unsigned(ends(s)((i + 1) * SW - 1 downto i * SW));
              elsif 2 * s + 1 < NC then
                term := shift_left(extend(pair(s - 1)(i + 2 * s), SW), 2 * s * P);
              else
                term := shift_left(extend(chunk(s)(i + 2 * s), SW), 2 * s * P);
              end if;
              partial(s)(i) <= std_logic_vector(sum + term);
            end loop;
          end if;
        end loop;
      end if;
    end process;

    result : for i in 0 to C - 1 generate
      sums((i + 1) * SW - 1 downto i * SW) <= partial(PAIRS)(i);
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
