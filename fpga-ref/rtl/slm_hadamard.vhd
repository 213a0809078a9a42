-- slm_hadamard: rotates an activation vector for products with rotated tensors: x becomes H * D * x in segments of N = 2**H_LOG2 elements, so
-- that sum of T * (H D x) is the sum over (D H T) * x of the specification's section "Rotation". D's signs come from the K = 16 register
-- of Table 6 (sign_seed), H is the Sylvester matrix in natural order. Integers, exact: H_LOG2 bits wider out than in, plus one for the
-- sign of the least number. A run (row of the matrix) is a whole number of segments; the signs begin anew after s_last.
-- LANES elements a clock; latency 1 + log2(LANES) clocks and N / LANES - 1 beats and H_LOG2 - log2(LANES) clocks.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_hadamard is
  generic (
    H_LOG2 : positive range 4 to 10 := 7; -- the rotation h
    LANES  : positive := 16;              -- elements a clock, a power of two up to N
    W      : positive := 16               -- bits of an element, two's complement
  );
  port (
    clk       : in  std_logic;
    rst       : in  std_logic;
    sign_seed : in  std_logic_vector(15 downto 0); -- not 0; to be kept while a run is under way
    s_valid   : in  std_logic;
    s_ready   : out std_logic;
    s_data    : in  std_logic_vector(LANES * W - 1 downto 0);
    s_last    : in  std_logic; -- the run's last beat
    m_valid   : out std_logic;
    m_ready   : in  std_logic;
    m_data    : out std_logic_vector(LANES * (W + 1 + H_LOG2) - 1 downto 0);
    m_last    : out std_logic
  );
end entity;

architecture rtl of slm_hadamard is
  constant WITHIN : natural  := slm_clog2(LANES);  -- stages inside a beat
  constant ACROSS : natural  := H_LOG2 - WITHIN;   -- stages across beats
  constant OW     : positive := W + 1 + H_LOG2;
  constant COUNT  : positive := LANES + 16;
  constant ROWS   : slm_row_array(0 to COUNT - 1) := slm_stream_rows(16, slm_table6(16), COUNT);

  signal state, state_now : std_logic_vector(15 downto 0);
  signal fresh     : std_logic; -- the next beat begins a run
  signal ready     : std_logic;
  signal ce        : std_logic_vector(WITHIN downto 0);
  type levels is array (0 to WITHIN) of std_logic_vector(LANES * OW - 1 downto 0);
  signal level     : levels;
  type links is array (0 to ACROSS) of std_logic_vector(LANES * OW - 1 downto 0);
  signal link      : links;
  signal l_valid, l_ready, l_last : std_logic_vector(0 to ACROSS);
  signal p_last    : std_logic_vector(0 downto 0);
begin
  s_ready   <= ready;
  state_now <= sign_seed when fresh = '1' else state;

  pipe : entity work.slm_pipe
    generic map (STAGES => WITHIN + 1, USER_W => 1)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => ready, s_user(0) => s_last, m_valid => l_valid(0), m_ready => l_ready(0),
              m_user => p_last, ce => ce);
  l_last(0) <= p_last(0);

  process (clk)
  begin
    if rising_edge(clk) then
      if s_valid = '1' and ready = '1' then
        fresh <= s_last;
        for i in 0 to 15 loop
          state(i) <= slm_xor(state_now, ROWS(LANES + i)(15 downto 0));
        end loop;
      end if;
      if rst = '1' then
        fresh <= '1';
      end if;
    end if;
  end process;

  -- D: element i of a beat is negated where bit 15 of the state i + 1 steps on is set.
  signs : for i in 0 to LANES - 1 generate
    signal sign : std_logic;
  begin
    sign <= slm_xor(state_now, ROWS(i + 16)(15 downto 0));
    process (clk)
      variable x : unsigned(W downto 0);
    begin
      if rising_edge(clk) then
        if ce(0) = '1' then
          x := unsigned(s_data((i + 1) * W - 1) & s_data((i + 1) * W - 1 downto i * W));
          if sign = '1' then
            x := 0 - x;
          end if;
          level(0)(i * OW + W downto i * OW) <= std_logic_vector(x);
        end if;
      end if;
    end process;
  end generate;

  -- The stages inside a beat: elements whose numbers differ in bit l. After l stages an element has W + 1 + l bits.
  inside : for l in 0 to WITHIN - 1 generate
    constant LW : positive := W + 1 + l;
  begin
    element : for i in 0 to LANES - 1 generate
      constant LO : natural := (i - (i / 2 ** l mod 2) * 2 ** l) * OW;
      constant HI : natural := LO + 2 ** l * OW;
    begin
      process (clk)
        variable a, b : unsigned(LW downto 0);
      begin
        if rising_edge(clk) then
          if ce(l + 1) = '1' then
            a := unsigned(level(l)(LO + LW - 1) & level(l)(LO + LW - 1 downto LO));
            b := unsigned(level(l)(HI + LW - 1) & level(l)(HI + LW - 1 downto HI));
            if i / 2 ** l mod 2 = 0 then
              level(l + 1)(i * OW + LW downto i * OW) <= std_logic_vector(a + b);
            else
              level(l + 1)(i * OW + LW downto i * OW) <= std_logic_vector(a - b);
            end if;
          end if;
        end if;
      end process;
    end generate;
  end generate;

  -- And across beats. Between stages the elements lie packed: W + 1 + WITHIN + s bits after s of them.
  pack : for i in 0 to LANES - 1 generate
    link(0)((i + 1) * (W + 1 + WITHIN) - 1 downto i * (W + 1 + WITHIN)) <= level(WITHIN)(i * OW + W + WITHIN downto i * OW);
  end generate;
  beyond : for s in 0 to ACROSS - 1 generate
    constant LW : positive := W + 1 + WITHIN + s;
  begin
    stage : entity work.slm_hadamard_stage
      generic map (LANES => LANES, W => LW, DEPTH => 2 ** s)
      port map (clk => clk, rst => rst, s_valid => l_valid(s), s_ready => l_ready(s), s_data => link(s)(LANES * LW - 1 downto 0),
                s_last => l_last(s), m_valid => l_valid(s + 1), m_ready => l_ready(s + 1), m_data => link(s + 1)(LANES * (LW + 1) - 1 downto 0),
                m_last => l_last(s + 1));
  end generate;

  l_ready(ACROSS) <= m_ready;
  m_valid <= l_valid(ACROSS);
  m_data  <= link(ACROSS);
  m_last  <= l_last(ACROSS);
end architecture;
