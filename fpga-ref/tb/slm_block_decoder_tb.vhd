-- slm_block_decoder_tb: replays a vector file into slm_block_decoder, architecture `plain` or (OPTIMISED) `optimised`, and compares every
-- weight. IN_STALL and OUT_STALL are the percentages of clocks at which a side does nothing; with both 0 the bench also demands a block a
-- clock.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;
use std.env.all;
use work.slm_pkg.all;
use work.slm_tb_pkg.all;

entity slm_block_decoder_tb is
  generic (
    K         : positive := 16;
    TAPS      : positive := 4107;
    STEP      : positive := 1;
    W         : positive := 16;
    P         : positive := 3;
    C         : positive := 8;
    E         : natural  := 4;
    B         : positive := 4;
    NORM      : natural  := 1;
    OUTPUT    : natural  := 1;
    POW2      : boolean  := false;
    SHIFTED   : boolean  := true;
    OPTIMISED : boolean  := true;
    IN_STALL  : natural  := 30;
    OUT_STALL : natural  := 30;
    IN_FILE   : string   := "in.txt";
    OUT_FILE  : string   := "out.txt"
  );
end entity;

architecture bench of slm_block_decoder_tb is
  constant R  : positive := K + E + P * B;
  constant OW : positive := slm_block_width(OUTPUT, W, B, P, E, SHIFTED);
  constant FW : positive := slm_block_width(OUTPUT, W, B, P, E, true); -- the file has the shifted integers

  signal clk, rst         : std_logic := '1';
  signal s_valid, m_ready : std_logic := '0';
  signal s_ready, m_valid : std_logic;
  signal s_record         : std_logic_vector(R - 1 downto 0);
  signal s_scale          : std_logic_vector(15 downto 0);
  signal m_data           : std_logic_vector(C * OW - 1 downto 0);
  signal m_exponent       : std_logic_vector(slm_max(E, 1) - 1 downto 0);
  signal m_seed0          : std_logic;
  signal words, clocks    : natural := 0;
  signal running          : boolean := false;
begin
  clk <= not clk after 5 ns;

  plain : if not OPTIMISED generate
    dut : entity work.slm_block_decoder(plain)
      generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, E => E, B => B, NORM => NORM, OUTPUT => OUTPUT, POW2 => POW2,
                   SHIFTED => SHIFTED)
      port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_record => s_record, s_scale => s_scale, m_valid => m_valid,
                m_ready => m_ready, m_data => m_data, m_exponent => m_exponent, m_seed0 => m_seed0);
  end generate;
  fast : if OPTIMISED generate
    dut : entity work.slm_block_decoder(optimised)
      generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, E => E, B => B, NORM => NORM, OUTPUT => OUTPUT, POW2 => POW2,
                   SHIFTED => SHIFTED)
      port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_record => s_record, s_scale => s_scale, m_valid => m_valid,
                m_ready => m_ready, m_data => m_data, m_exponent => m_exponent, m_seed0 => m_seed0);
  end generate;

  feed : process
    file f         : text open read_mode is IN_FILE;
    variable l     : line;
    variable code  : std_logic_vector(R - 1 downto 0);
    variable sc    : std_logic_vector(15 downto 0);
    variable rng   : slm_random;
  begin
    rng.seed(11);
    wait until rising_edge(clk);
    wait until rising_edge(clk);
    rst <= '0';
    running <= true;
    while not endfile(f) loop
      pause(rng, IN_STALL, clk);
      readline(f, l);
      get_hex(l, code);
      s_record <= code;
      get_hex(l, sc);
      s_scale <= sc;
      offer(clk, s_valid, s_ready);
      words <= words + 1;
      s_record <= (others => 'X');
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
    variable data   : std_logic_vector(C * FW - 1 downto 0);
    variable got    : std_logic_vector(FW - 1 downto 0);
    variable n      : natural;
    variable bad    : std_logic;
    variable blocks : natural := 0;
    variable rng    : slm_random;
  begin
    rng.seed(29);
    while not endfile(f) loop
      readline(f, l);
      get_hex(l, data);
      get_natural(l, n);
      get_bit(l, bad);
      take(rng, OUT_STALL, clk, m_ready, m_valid);
      for i in 0 to n - 1 loop
        if SHIFTED or OUTPUT /= SLM_INT then
          got := m_data((i + 1) * OW - 1 downto i * OW);
        else
          got := std_logic_vector(shift_left(resize(signed(m_data((i + 1) * OW - 1 downto i * OW)), FW), to_integer(unsigned(m_exponent))));
        end if;
        assert got = data((i + 1) * FW - 1 downto i * FW)
          report "block " & integer'image(blocks) & " weight " & integer'image(i) & ": " & to_hstring(got) & ", expected "
                 & to_hstring(data((i + 1) * FW - 1 downto i * FW)) severity failure;
      end loop;
      assert m_seed0 = bad report "block " & integer'image(blocks) & ": m_seed0 is wrong" severity failure;
      blocks := blocks + 1;
    end loop;
    expect_no_more(clk, m_ready, m_valid);
    assert blocks > 0 report "empty vector file" severity failure;
    if IN_STALL = 0 and OUT_STALL = 0 then
      assert clocks <= words + 90 report "bubbles: " & integer'image(words) & " blocks took " & integer'image(clocks) & " clocks" severity failure;
    end if;
    report "ok: " & integer'image(blocks) & " blocks of " & integer'image(C) & " weights";
    finish;
  end process;

  watch(words);
end architecture;
