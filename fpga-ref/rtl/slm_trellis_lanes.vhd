-- slm_trellis_lanes: GROUPS overlapping seeds of a trellis stream to GROUPS*C integers T, every clock. The arithmetic alone: no handshake
-- (ce(i) loads stage i) and no memory of the stream, see slm_trellis_decoder.
--
-- T = sum over p of (2*v_p + 1 - 2^W). An entry's mirror is its complement: with half of the entries added as they are (A) and the other
-- half complemented (B), T = 2*(A - B) for even P; for odd P one entry is left over, and T = 2*(A - B) + 1 once B holds the constant
-- 2^(W-1) in that entry's place. Complementing an XOR is free, so no constant is left to add.
-- An entry's bit is an XOR of the window's bits. The stream is cut into pieces that fall on the same places for every window; every XOR
-- of a piece's bits that an entry needs is made once, registered, and serves all windows that hold the piece, so that with pieces of 4
-- bits a bit of an entry is an XOR of K/4 signals, few enough to go into the same LUT as the adder's XOR.
-- Latency: max(clog2(P), 1) + 1 clocks: the pieces, the sums, the difference.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_trellis_lanes is
  generic (
    K       : positive := 16;
    TAPS    : positive := 4107;
    STEP    : positive := 5;
    W       : positive := 4;
    P       : positive := 4;
    C       : positive := 1;
    ADVANCE : positive := 4;  -- the profile's k: new bits a seed
    GROUPS  : positive := 128 -- seeds a clock
  );
  port (
    clk      : in  std_logic;
    ce       : in  std_logic_vector(slm_max(slm_clog2(P), 1) downto 0);
    window   : in  std_logic_vector((GROUPS - 1) * ADVANCE + K - 1 downto 0);
    integers : out std_logic_vector(GROUPS * C * slm_trellis_width(W, P) - 1 downto 0)
  );
end entity;

architecture rtl of slm_trellis_lanes is
  constant BITS     : positive := (GROUPS - 1) * ADVANCE + K;
  constant TW       : positive := slm_trellis_width(W, P);
  constant COUNT    : positive := C * P * STEP + K;
  constant ROWS     : slm_row_array(0 to COUNT - 1) := slm_stream_rows(K, TAPS, COUNT);
  constant PLAIN    : positive := (P + 1) / 2;
  constant MIRROR   : natural  := P / 2;
  constant LEVELS   : natural  := slm_clog2(PLAIN);
  constant N        : positive := 2 ** LEVELS; -- inputs of each tree
  constant SW       : positive := W + LEVELS;
  constant LAST     : positive := LEVELS + 1; -- the stage of the difference

  -- Where a window's i-th piece begins. Windows lie ADVANCE apart: pieces of ADVANCE bits or of its halves, and where it is 1 or 2 pieces of
  -- 4 bits that overlap.
  function piece(i : natural) return natural is
  begin
    if ADVANCE <= 2 then
      return slm_min(4 * i, K);
    elsif ADVANCE <= 5 then
      return slm_min(ADVANCE * i, K);
    end if;
    return slm_min(i / 2 * ADVANCE + i mod 2 * ((ADVANCE + 1) / 2), K);
  end function;
  constant MASKS : positive := 2 ** slm_max(piece(1) - piece(0), piece(2) - piece(1)); -- of a piece's bits

  signal xors_q  : std_logic_vector(BITS * MASKS - 1 downto 0); -- at m * MASKS + mask: of the piece that begins at m
  signal tree_ce : std_logic_vector(slm_max(LEVELS, 1) - 1 downto 0);

  -- One bit of an entry, from the part of xors_q that belongs to its window.
  function entry_bit(xors : std_logic_vector; row : slm_row) return std_logic is
    variable r    : std_logic := '0';
    variable mask : natural;
  begin
    for i in 0 to K - 1 loop
      mask := 0;
      for j in piece(i) to piece(i + 1) - 1 loop
        if row(j) = '1' then
          mask := mask + 2 ** (j - piece(i));
        end if;
      end loop;
      if mask > 0 then
        r := r xor xors(xors'low + piece(i) * MASKS + mask);
      end if;
    end loop;
    return r;
  end function;
begin
  tree_ce <= ce(tree_ce'high + 1 downto 1);

  process (clk)
    variable x : std_logic;
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        xors_q <= (others => '0'); -- what no piece has
        for g in 0 to GROUPS - 1 loop
          for i in 0 to K - 1 loop
            if piece(i) < ADVANCE or g * ADVANCE + piece(i) > (GROUPS - 1) * ADVANCE then -- else another group's
              for mask in 1 to 2 ** (piece(i + 1) - piece(i)) - 1 loop
                x := '0';
                for j in 0 to piece(i + 1) - piece(i) - 1 loop
                  if mask / 2 ** j mod 2 = 1 then
                    x := x xor window(g * ADVANCE + piece(i) + j);
                  end if;
                end loop;
                xors_q((g * ADVANCE + piece(i)) * MASKS + mask) <= x;
              end loop;
            end if;
          end loop;
        end loop;
      end if;
    end if;
  end process;

  groups_of_stream : for g in 0 to GROUPS - 1 generate
    constant LO : natural := g * ADVANCE;
    signal mine : std_logic_vector(K * MASKS - 1 downto 0); -- a simulator would copy all of xors_q for each bit of an entry
  begin
    mine <= xors_q((LO + K) * MASKS - 1 downto LO * MASKS);
    weights : for i in 0 to C - 1 generate
      signal a_terms, b_terms : std_logic_vector(N * W - 1 downto 0);
      signal a, b             : std_logic_vector(SW - 1 downto 0);
      signal t                : std_logic_vector(TW - 1 downto 0);
    begin
      entries : for e in 0 to N - 1 generate
        entry_bits : for n_bit in 0 to W - 1 generate
          constant Q    : natural := e * W + n_bit;
          constant ROW_A : natural := slm_min((i * P + e + 1) * STEP + K - W + n_bit, COUNT - 1);
          constant ROW_B : natural := slm_min((i * P + PLAIN + e + 1) * STEP + K - W + n_bit, COUNT - 1);
        begin
          a_entry : if e < PLAIN generate
            a_terms(Q) <= entry_bit(mine, ROWS(ROW_A));
          end generate;
          a_none : if e >= PLAIN generate
            a_terms(Q) <= '0';
          end generate;
          b_entry : if e < MIRROR generate
            b_terms(Q) <= not entry_bit(mine, ROWS(ROW_B));
          end generate;
          b_middle : if e = MIRROR and PLAIN > MIRROR and n_bit = W - 1 generate
            b_terms(Q) <= '1';
          end generate;
          b_none : if e > MIRROR or (e = MIRROR and (PLAIN = MIRROR or n_bit < W - 1)) generate
            b_terms(Q) <= '0';
          end generate;
        end generate;
      end generate;

      tree_a : entity work.slm_adder_tree
        generic map (N => N, W => W)
        port map (clk => clk, ce => tree_ce, terms => a_terms, result => a);
      tree_b : entity work.slm_adder_tree
        generic map (N => N, W => W)
        port map (clk => clk, ce => tree_ce, terms => b_terms, result => b);

      even : if PLAIN = MIRROR generate
        t(0) <= '0';
      end generate;
      odd : if PLAIN > MIRROR generate
        t(0) <= '1';
      end generate;
      process (clk)
        variable difference : unsigned(SW downto 0);
      begin
        if rising_edge(clk) then
          if ce(LAST) = '1' then
            difference := unsigned('0' & a) - unsigned('0' & b);
            t(TW - 1 downto 1) <= std_logic_vector(difference(TW - 2 downto 0)); -- SW + 1 = TW - 1 bits, one less for P = 1
          end if;
        end if;
      end process;

      integers((g * C + i + 1) * TW - 1 downto (g * C + i) * TW) <= t;
    end generate;
  end generate;
end architecture;
