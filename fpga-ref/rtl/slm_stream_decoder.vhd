-- slm_stream_decoder: a tensor's codes as they lie in a .slm payload, 64 bytes a clock, to weights, GROUPS*C a clock: 128 for 32-bit
-- records (16 a clock) and for slm-4 (128 seeds), 168 for 36-bit records (14 records are 63 bytes).
--
-- Ports t_*: one tensor, its run length and number of runs. c_*: one scale a run (the same one again where a tensor has a single scale).
-- s_*: the codes in 64-byte words from a word boundary on, runs back to back on byte boundaries; what is left of a tensor's last word is
-- dropped. m_*: m_count weights from lane 0 on; a group never holds weights of two runs.
-- No bubble while both sides are ready, but where the stream itself has more bytes than weights (every run's closing bits) or a run ends
-- in a short group.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_stream_decoder is
  generic (
    K       : positive := 16;
    TAPS    : positive := 4107;
    STEP    : positive := 5;
    W       : positive := 4;
    P       : positive := 4;
    C       : positive := 1;
    ADVANCE : natural  := 4; -- the profile's k; 0 selects block coding
    E       : natural  := 0; -- block coding only, as are B and NORM
    B       : positive := 4;
    NORM    : natural range 0 to 1 := 0;
    GROUPS  : positive := 128; -- seeds or records a clock: whole bytes, at most 64
    OUTPUT  : natural  := SLM_F16;
    POW2    : boolean  := false
  );
  port (
    clk           : in  std_logic;
    rst           : in  std_logic;
    t_valid       : in  std_logic;
    t_ready       : out std_logic;
    t_run_length  : in  std_logic_vector(31 downto 0);
    t_runs        : in  std_logic_vector(31 downto 0);
    c_valid       : in  std_logic;
    c_ready       : out std_logic;
    c_scale       : in  std_logic_vector(15 downto 0);
    s_valid       : in  std_logic;
    s_ready       : out std_logic;
    s_data        : in  std_logic_vector(511 downto 0);
    m_valid       : out std_logic;
    m_ready       : in  std_logic;
    m_data        : out std_logic_vector(GROUPS * C * slm_stream_width(OUTPUT, W, B, P, E, ADVANCE) - 1 downto 0);
    m_count       : out std_logic_vector(15 downto 0);
    m_last        : out std_logic; -- the run's last group
    m_tensor_last : out std_logic;
    m_seed0       : out std_logic  -- block coding: a record of this group is invalid
  );
end entity;

architecture rtl of slm_stream_decoder is
  constant R         : positive := K + E + P * B;
  constant UNIT_BITS : positive := slm_if(ADVANCE > 0, ADVANCE, R);
  constant TAIL_BITS : natural  := slm_if(ADVANCE > 0, K - ADVANCE, 0);
  constant WINDOW    : positive := (GROUPS * UNIT_BITS + TAIL_BITS + 7) / 8;
  constant SIDE      : positive := 34;

  signal d_valid, d_ready, d_last, d_end : std_logic;
  signal d_need, d_take : std_logic_vector(7 downto 0);
  signal d_count, d_scale : std_logic_vector(15 downto 0);
  signal d_user, w_user : std_logic_vector(SIDE - 1 downto 0);
  signal w_valid, w_ready : std_logic;
  signal w_data  : std_logic_vector(WINDOW * 8 - 1 downto 0);
  signal w_scale : std_logic_vector(15 downto 0);
  signal m_user  : std_logic_vector(17 downto 0);
begin
  assert (GROUPS * UNIT_BITS) mod 8 = 0 and GROUPS * UNIT_BITS <= 512
    report "slm_stream_decoder: GROUPS must make whole bytes, 64 at most" severity failure;

  runs : entity work.slm_runs
    generic map (LANES => GROUPS * C, C => C, UNIT_BITS => UNIT_BITS, TAIL_BITS => TAIL_BITS)
    port map (clk => clk, rst => rst, t_valid => t_valid, t_ready => t_ready, t_run_length => t_run_length, t_runs => t_runs,
              c_valid => c_valid, c_ready => c_ready, c_scale => c_scale, d_valid => d_valid, d_ready => d_ready, d_need => d_need,
              d_take => d_take, d_count => d_count, d_last => d_last, d_end => d_end, d_scale => d_scale);

  d_user <= d_scale & d_count & d_last & d_end;

  gearbox : entity work.slm_gearbox
    generic map (WINDOW => WINDOW, USER_W => SIDE)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_data => s_data, d_valid => d_valid, d_ready => d_ready,
              d_need => d_need, d_take => d_take, d_flush => d_end, d_user => d_user, m_valid => w_valid, m_ready => w_ready,
              m_window => w_data, m_user => w_user);

  w_scale       <= w_user(SIDE - 1 downto SIDE - 16);
  m_count       <= m_user(17 downto 2);
  m_last        <= m_user(1);
  m_tensor_last <= m_user(0);

  trellis : if ADVANCE > 0 generate
    weights : entity work.slm_trellis_windows
      generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, ADVANCE => slm_max(ADVANCE, 1), GROUPS => GROUPS,
                   OUTPUT => OUTPUT, POW2 => POW2, USER_W => 18)
      port map (clk => clk, rst => rst, s_valid => w_valid, s_ready => w_ready,
                s_window => w_data((GROUPS - 1) * ADVANCE + K - 1 downto 0), s_scale => w_scale, s_user => w_user(17 downto 0),
                m_valid => m_valid, m_ready => m_ready, m_data => m_data, m_user => m_user);
    m_seed0 <= '0';
  end generate;

  block_coding : if ADVANCE = 0 generate
    signal used : std_logic_vector(GROUPS - 1 downto 0);
  begin
    there : for g in 0 to GROUPS - 1 generate
      used(g) <= '1' when unsigned(w_user(17 downto 2)) > g * C else '0';
    end generate;
    weights : entity work.slm_block_records
      generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, E => E, B => B, NORM => NORM, GROUPS => GROUPS,
                   OUTPUT => OUTPUT, POW2 => POW2, SHIFTED => true, USER_W => 18)
      port map (clk => clk, rst => rst, s_valid => w_valid, s_ready => w_ready, s_records => w_data(GROUPS * R - 1 downto 0), s_used => used,
                s_scale => w_scale, s_user => w_user(17 downto 0), m_valid => m_valid, m_ready => m_ready, m_data => m_data,
                m_exponent => open, m_seed0 => m_seed0, m_user => m_user);
  end generate;
end architecture;
