-- slm_trellis_decoder: runs of a trellis-coded tensor, one word in and GROUPS*C weights out every clock. A word holds the bits of GROUPS
-- seeds (512 bits for 128 seeds at k = 4); the last seeds of a word reach K - k bits into the next one, which is why a word waits for its
-- successor. Weights come in order, weight 0 in the low bits. Rotated tensors need no more: rotate the activations (slm_hadamard).
--
-- A run's words: `s_last` marks the last one. It may hold nothing but the closing K - k bits of the seeds before (`s_tail` = 1: the run
-- gives one group of weights less than words), or seeds of its own (`s_tail` = 0). Bits past the run's end are ignored.
-- Latency: slm_trellis_windows + 1 word. Throughput: one word a clock.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_trellis_decoder is
  generic (
    K       : positive := 16;
    TAPS    : positive := 4107;
    STEP    : positive := 5;
    W       : positive := 4;
    P       : positive := 4;
    C       : positive := 1;
    ADVANCE : positive := 4;   -- the profile's k
    GROUPS  : positive := 128; -- seeds a clock; GROUPS * ADVANCE >= K - ADVANCE
    OUTPUT  : natural  := SLM_INT;
    POW2    : boolean  := false -- every scale is a power of two
  );
  port (
    clk     : in  std_logic;
    rst     : in  std_logic;
    s_valid : in  std_logic;
    s_ready : out std_logic;
    s_data  : in  std_logic_vector(GROUPS * ADVANCE - 1 downto 0);
    s_last  : in  std_logic;
    s_tail  : in  std_logic;
    s_scale : in  std_logic_vector(15 downto 0); -- the run's scale, beside every word (not looked at for SLM_INT)
    m_valid : out std_logic;
    m_ready : in  std_logic;
    m_data  : out std_logic_vector(GROUPS * C * slm_output_width(OUTPUT, slm_trellis_width(W, P)) - 1 downto 0);
    m_last  : out std_logic
  );
end entity;

architecture rtl of slm_trellis_decoder is
  constant WORD : positive := GROUPS * ADVANCE;
  constant OVER : positive := slm_at_most(K - ADVANCE, WORD, "slm_trellis_decoder: GROUPS * ADVANCE must be at least K - ADVANCE");

  signal word_q   : std_logic_vector(WORD - 1 downto 0);
  signal scale_q  : std_logic_vector(15 downto 0);
  signal held     : std_logic; -- word_q holds seeds not yet decoded
  signal closed   : std_logic; -- and they need no bits beyond it
  signal take     : std_logic;
  signal window   : std_logic_vector(WORD + OVER - 1 downto 0);
  signal w_valid  : std_logic;
  signal w_ready  : std_logic;
  signal w_last   : std_logic;
begin
  window  <= s_data(OVER - 1 downto 0) & word_q;
  w_valid <= held and (closed or s_valid);
  w_last  <= closed or (s_last and s_tail);
  take    <= s_valid and (w_ready or not held);
  s_ready <= w_ready or not held;

  process (clk)
  begin
    if rising_edge(clk) then
      if take = '1' then
        word_q  <= s_data;
        scale_q <= s_scale;
        held    <= not (s_last and s_tail);
        closed  <= s_last and not s_tail;
      elsif w_ready = '1' and closed = '1' then
        held    <= '0';
        closed  <= '0';
      end if;
      if rst = '1' then
        held   <= '0';
        closed <= '0';
      end if;
    end if;
  end process;

  windows : entity work.slm_trellis_windows
    generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, ADVANCE => ADVANCE, GROUPS => GROUPS, OUTPUT => OUTPUT,
                 POW2 => POW2, USER_W => 1)
    port map (clk => clk, rst => rst, s_valid => w_valid, s_ready => w_ready, s_window => window, s_scale => scale_q, s_user(0) => w_last,
              m_valid => m_valid, m_ready => m_ready, m_data => m_data, m_user(0) => m_last);
end architecture;
