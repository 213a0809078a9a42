-- slm_hadamard_tb: replays vectors (slm_fpga_vectors hadamard) into slm_hadamard. IN_STALL and OUT_STALL as in the other benches.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;
use std.env.all;
use work.slm_tb_pkg.all;

entity slm_hadamard_tb is
  generic (
    H_LOG2    : positive := 7;
    LANES     : positive := 16;
    W         : positive := 16;
    IN_STALL  : natural  := 30;
    OUT_STALL : natural  := 30;
    IN_FILE   : string   := "in.txt";
    OUT_FILE  : string   := "out.txt"
  );
end entity;

architecture bench of slm_hadamard_tb is
  constant OW : positive := W + 1 + H_LOG2;
  signal clk, rst         : std_logic := '1';
  signal s_valid, m_ready : std_logic := '0';
  signal s_ready, m_valid : std_logic;
  signal sign_seed        : std_logic_vector(15 downto 0);
  signal s_data           : std_logic_vector(LANES * W - 1 downto 0);
  signal s_last, m_last   : std_logic;
  signal m_data           : std_logic_vector(LANES * OW - 1 downto 0);
  signal seen, sent, clocks, progress : natural := 0;
begin
  clk <= not clk after 5 ns;
  rst <= '1', '0' after 22 ns;

  dut : entity work.slm_hadamard
    generic map (H_LOG2 => H_LOG2, LANES => LANES, W => W)
    port map (clk => clk, rst => rst, sign_seed => sign_seed, s_valid => s_valid, s_ready => s_ready, s_data => s_data, s_last => s_last,
              m_valid => m_valid, m_ready => m_ready, m_data => m_data, m_last => m_last);

  feed : process
    file f        : text open read_mode is IN_FILE;
    variable l    : line;
    variable data : std_logic_vector(LANES * W - 1 downto 0);
    variable b    : std_logic;
    variable seed : std_logic_vector(15 downto 0);
    variable rng  : slm_random;
  begin
    rng.seed(11);
    wait until rst = '0';
    while not endfile(f) loop
      pause(rng, IN_STALL, clk);
      readline(f, l);
      get_hex(l, data);
      s_data <= data;
      get_bit(l, b);
      s_last <= b;
      get_hex(l, seed);
      sign_seed <= seed;
      offer(clk, s_valid, s_ready);
      sent <= sent + 1;
    end loop;
    wait;
  end process;

  clocks <= clocks + 1 when rising_edge(clk);

  check : process
    file f        : text open read_mode is OUT_FILE;
    variable l    : line;
    variable data : std_logic_vector(LANES * OW - 1 downto 0);
    variable last : std_logic;
    variable rng  : slm_random;
  begin
    rng.seed(29);
    while not endfile(f) loop
      readline(f, l);
      get_hex(l, data);
      get_bit(l, last);
      take(rng, OUT_STALL, clk, m_ready, m_valid);
      assert m_data = data report "beat " & integer'image(seen) & ": " & to_hstring(m_data) & ", expected " & to_hstring(data) severity failure;
      assert m_last = last report "beat " & integer'image(seen) & ": m_last is wrong" severity failure;
      seen <= seen + 1;
    end loop;
    report "ok: " & integer'image(seen) & " beats of " & integer'image(LANES) & " in " & integer'image(clocks) & " clocks";
    assert seen > 0 report "empty vector file" severity failure;
    if IN_STALL = 0 and OUT_STALL = 0 then
      assert clocks <= seen + 2 ** H_LOG2 / LANES + 40 report "bubbles" severity failure;
    end if;
    expect_no_more(clk, m_ready, m_valid);
    finish;
  end process;

  progress <= seen + sent;
  watch(progress);
end architecture;
