-- slm_block_records: GROUPS block records with one scale to GROUPS*C weights, every clock, valid/ready on both sides; `s_user` comes out
-- beside the weights. Records beyond `s_count` are not looked at for seed 0.
-- Latency slm_block_latency clocks.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_block_records is
  generic (
    K       : positive := 16;
    TAPS    : positive := 4107;
    STEP    : positive := 1;
    W       : positive := 16;
    P       : positive := 3;
    C       : positive := 8;
    E       : natural  := 4;
    B       : positive := 4;
    NORM    : natural range 0 to 1 := 1;
    GROUPS  : positive := 16;
    OUTPUT  : natural  := SLM_F16;
    POW2    : boolean  := false;
    SHIFTED : boolean  := true;
    USER_W  : positive := 1
  );
  port (
    clk        : in  std_logic;
    rst        : in  std_logic;
    s_valid    : in  std_logic;
    s_ready    : out std_logic;
    s_records  : in  std_logic_vector(GROUPS * (K + E + P * B) - 1 downto 0);
    s_used     : in  std_logic_vector(GROUPS - 1 downto 0); -- which records are there
    s_scale    : in  std_logic_vector(15 downto 0);
    s_user     : in  std_logic_vector(USER_W - 1 downto 0);
    m_valid    : out std_logic;
    m_ready    : in  std_logic;
    m_data     : out std_logic_vector(GROUPS * C * slm_block_width(OUTPUT, W, B, P, E, SHIFTED) - 1 downto 0);
    m_exponent : out std_logic_vector(GROUPS * slm_max(E, 1) - 1 downto 0);
    m_seed0    : out std_logic; -- a record that is there has seed 0
    m_user     : out std_logic_vector(USER_W - 1 downto 0)
  );
end entity;

architecture rtl of slm_block_records is
  constant R       : positive := K + E + P * B;
  constant OW      : positive := slm_block_width(OUTPUT, W, B, P, E, SHIFTED);
  constant EW      : positive := slm_max(E, 1);
  constant LATENCY : positive := slm_block_latency(STEP, W, P, B, C, NORM, OUTPUT, POW2, SHIFTED);
  signal ce        : std_logic_vector(LATENCY - 1 downto 0);
  signal seed0     : std_logic;
  signal p_user, q_user : std_logic_vector(USER_W downto 0);
begin
  process (all)
    variable any : std_logic;
  begin
    any := '0';
    for g in 0 to GROUPS - 1 loop
      if unsigned(s_records(g * R + K - 1 downto g * R)) = 0 then
        any := any or s_used(g);
      end if;
    end loop;
    seed0 <= any;
  end process;

  p_user  <= seed0 & s_user;
  m_user  <= q_user(USER_W - 1 downto 0);
  m_seed0 <= q_user(USER_W);

  pipe : entity work.slm_pipe
    generic map (STAGES => LATENCY, USER_W => USER_W + 1)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_user => p_user, m_valid => m_valid, m_ready => m_ready,
              m_user => q_user, ce => ce);

  records : for g in 0 to GROUPS - 1 generate
    lanes : entity work.slm_block_lanes
      generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, E => E, B => B, NORM => NORM, OUTPUT => OUTPUT, POW2 => POW2,
                   SHIFTED => SHIFTED)
      port map (clk => clk, ce => ce, code => s_records((g + 1) * R - 1 downto g * R), scale => s_scale,
                weights => m_data((g + 1) * C * OW - 1 downto g * C * OW), exponent => m_exponent((g + 1) * EW - 1 downto g * EW));
  end generate;
end architecture;
