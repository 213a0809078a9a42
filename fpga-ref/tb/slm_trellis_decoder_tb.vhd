-- slm_trellis_decoder_tb: replays a vector file into slm_trellis_decoder and compares every weight. IN_STALL and OUT_STALL are the
-- percentages of clocks at which a side does nothing; with both 0 the bench also demands a word a clock.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;
use std.env.all;
use work.slm_pkg.all;
use work.slm_tb_pkg.all;

entity slm_trellis_decoder_tb is
  generic (
    K         : positive := 16;
    TAPS      : positive := 4107;
    STEP      : positive := 5;
    W         : positive := 4;
    P         : positive := 4;
    C         : positive := 1;
    ADVANCE   : positive := 4;
    GROUPS    : positive := 16;
    OUTPUT    : natural  := 0;
    POW2      : boolean  := false;
    IN_STALL  : natural  := 30;
    OUT_STALL : natural  := 30;
    IN_FILE   : string   := "in.txt";
    OUT_FILE  : string   := "out.txt"
  );
end entity;

architecture bench of slm_trellis_decoder_tb is
  constant OW    : positive := slm_output_width(OUTPUT, slm_trellis_width(W, P));
  constant LANES : positive := GROUPS * C;

  signal clk, rst          : std_logic := '1';
  signal s_valid, m_ready  : std_logic := '0';
  signal s_ready, m_valid  : std_logic;
  signal s_data            : std_logic_vector(GROUPS * ADVANCE - 1 downto 0);
  signal s_last, s_tail    : std_logic;
  signal s_scale           : std_logic_vector(15 downto 0);
  signal m_data            : std_logic_vector(LANES * OW - 1 downto 0);
  signal m_last            : std_logic;
  signal words, clocks     : natural := 0;
  signal running           : boolean := false;
begin
  clk <= not clk after 5 ns;

  dut : entity work.slm_trellis_decoder
    generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, ADVANCE => ADVANCE, GROUPS => GROUPS, OUTPUT => OUTPUT,
                 POW2 => POW2)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_data => s_data, s_last => s_last, s_tail => s_tail,
              s_scale => s_scale, m_valid => m_valid, m_ready => m_ready, m_data => m_data, m_last => m_last);

  feed : process
    file f           : text open read_mode is IN_FILE;
    variable l       : line;
    variable data    : std_logic_vector(GROUPS * ADVANCE - 1 downto 0);
    variable b       : std_logic;
    variable sc      : std_logic_vector(15 downto 0);
    variable rng     : slm_random;
  begin
    rng.seed(11);
    wait until rising_edge(clk);
    wait until rising_edge(clk);
    rst <= '0';
    running <= true;
    while not endfile(f) loop
      pause(rng, IN_STALL, clk);
      readline(f, l);
      get_hex(l, data);
      s_data <= data;
      get_bit(l, b);
      s_last <= b;
      get_bit(l, b);
      s_tail <= b;
      get_hex(l, sc);
      s_scale <= sc;
      offer(clk, s_valid, s_ready);
      words <= words + 1;
      s_data <= (others => 'X');
    end loop;
    wait;
  end process;

  count : process (clk)
  begin
    if rising_edge(clk) and running then
      clocks <= clocks + 1;
    end if;
  end process;

  check : process
    file f          : text open read_mode is OUT_FILE;
    variable l      : line;
    variable data   : std_logic_vector(LANES * OW - 1 downto 0);
    variable n      : natural;
    variable last   : std_logic;
    variable beats  : natural := 0;
    variable rng    : slm_random;
  begin
    rng.seed(29);
    while not endfile(f) loop
      readline(f, l);
      get_hex(l, data);
      get_natural(l, n);
      get_bit(l, last);
      take(rng, OUT_STALL, clk, m_ready, m_valid);
      compare(m_data, data, n, OW, beats);
      assert m_last = last report "group " & integer'image(beats) & ": m_last is wrong" severity failure;
      beats := beats + 1;
    end loop;
    expect_no_more(clk, m_ready, m_valid);
    assert beats > 0 report "empty vector file" severity failure;
    if IN_STALL = 0 and OUT_STALL = 0 then
      assert clocks <= words + 80 report "bubbles: " & integer'image(words) & " words took " & integer'image(clocks) & " clocks" severity failure;
    end if;
    report "ok: " & integer'image(beats) & " groups of " & integer'image(LANES) & " weights, " & integer'image(words) & " words";
    finish;
  end process;

  watch(words);
end architecture;
