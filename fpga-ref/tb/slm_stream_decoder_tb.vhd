-- slm_stream_decoder_tb: replays tensors (slm_fpga_vectors stream) into slm_stream_decoder and compares every weight, count and flag. A
-- group with an invalid record is compared by its flag alone. IN_STALL and OUT_STALL are the percentages of clocks at which a side does
-- nothing. LIMIT, where not 0, is the largest number of clocks allowed from the first word in to the last weight out; the number is
-- reported always.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;
use std.env.all;
use work.slm_pkg.all;
use work.slm_tb_pkg.all;

entity slm_stream_decoder_tb is
  generic (
    K         : positive := 16;
    TAPS      : positive := 4107;
    STEP      : positive := 5;
    W         : positive := 4;
    P         : positive := 4;
    C         : positive := 1;
    ADVANCE   : natural  := 4;
    E         : natural  := 0;
    B         : positive := 4;
    NORM      : natural  := 0;
    GROUPS    : positive := 128;
    OUTPUT    : natural  := 1;
    POW2      : boolean  := false;
    IN_STALL  : natural  := 30;
    OUT_STALL : natural  := 30;
    LIMIT     : natural  := 0;
    IN_FILE   : string   := "in.txt";
    OUT_FILE  : string   := "out.txt"
  );
end entity;

architecture bench of slm_stream_decoder_tb is
  constant OW    : positive := slm_stream_width(OUTPUT, W, B, P, E, ADVANCE);
  constant LANES : positive := GROUPS * C;

  signal clk, rst          : std_logic := '1';
  signal t_valid, c_valid  : std_logic := '0';
  signal t_ready, c_ready  : std_logic;
  signal t_run_length      : std_logic_vector(31 downto 0);
  signal t_runs            : std_logic_vector(31 downto 0);
  signal c_scale           : std_logic_vector(15 downto 0);
  signal s_valid, m_ready  : std_logic := '0';
  signal s_ready, m_valid  : std_logic;
  signal s_data            : std_logic_vector(511 downto 0);
  signal m_data            : std_logic_vector(LANES * OW - 1 downto 0);
  signal m_count           : std_logic_vector(15 downto 0);
  signal m_last, m_tensor_last, m_seed0 : std_logic;
  signal groups_seen       : natural := 0;
  signal clocks            : natural := 0;
  signal started           : boolean := false;
begin
  clk <= not clk after 5 ns;
  rst <= '1', '0' after 22 ns;

  dut : entity work.slm_stream_decoder
    generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, ADVANCE => ADVANCE, E => E, B => B, NORM => NORM, GROUPS => GROUPS,
                 OUTPUT => OUTPUT, POW2 => POW2)
    port map (clk => clk, rst => rst, t_valid => t_valid, t_ready => t_ready, t_run_length => t_run_length, t_runs => t_runs,
              c_valid => c_valid, c_ready => c_ready, c_scale => c_scale, s_valid => s_valid, s_ready => s_ready, s_data => s_data,
              m_valid => m_valid, m_ready => m_ready, m_data => m_data, m_count => m_count, m_last => m_last,
              m_tensor_last => m_tensor_last, m_seed0 => m_seed0);

  tensors : process
    file f         : text open read_mode is IN_FILE;
    variable l     : line;
    variable kind  : character;
    variable n     : std_logic_vector(31 downto 0);
  begin
    wait until rst = '0';
    while not endfile(f) loop
      readline(f, l);
      read(l, kind);
      next when kind /= 't';
      get_hex(l, n);
      t_run_length <= n;
      get_hex(l, n);
      t_runs <= n;
      offer(clk, t_valid, t_ready);
    end loop;
    wait;
  end process;

  scales : process
    file f         : text open read_mode is IN_FILE;
    variable l     : line;
    variable kind  : character;
    variable n     : std_logic_vector(15 downto 0);
    variable rng   : slm_random;
  begin
    rng.seed(5);
    wait until rst = '0';
    while not endfile(f) loop
      readline(f, l);
      read(l, kind);
      next when kind /= 's';
      pause(rng, IN_STALL, clk);
      get_hex(l, n);
      c_scale <= n;
      offer(clk, c_valid, c_ready);
    end loop;
    wait;
  end process;

  words : process
    file f         : text open read_mode is IN_FILE;
    variable l     : line;
    variable kind  : character;
    variable n     : std_logic_vector(511 downto 0);
    variable rng   : slm_random;
  begin
    rng.seed(11);
    wait until rst = '0';
    while not endfile(f) loop
      readline(f, l);
      read(l, kind);
      next when kind /= 'd';
      pause(rng, IN_STALL, clk);
      get_hex(l, n);
      s_data <= n;
      offer(clk, s_valid, s_ready);
      started <= true;
    end loop;
    wait;
  end process;

  count : process (clk)
  begin
    if rising_edge(clk) and (started or (s_valid = '1' and s_ready = '1')) then
      clocks <= clocks + 1;
    end if;
  end process;

  check : process
    file f           : text open read_mode is OUT_FILE;
    variable l       : line;
    variable data    : std_logic_vector(LANES * OW - 1 downto 0);
    variable n       : natural;
    variable last, tensor_last, bad : std_logic;
    variable weights : natural := 0;
    variable rng     : slm_random;
  begin
    rng.seed(29);
    while not endfile(f) loop
      readline(f, l);
      get_hex(l, data);
      get_natural(l, n);
      get_bit(l, last);
      get_bit(l, tensor_last);
      get_bit(l, bad);
      take(rng, OUT_STALL, clk, m_ready, m_valid);
      if bad = '0' then
        compare(m_data, data, n, OW, groups_seen);
      end if;
      assert m_last = last and m_tensor_last = tensor_last and m_seed0 = bad and unsigned(m_count) = n
        report "group " & integer'image(groups_seen) & ": a count or flag is wrong" severity failure;
      groups_seen <= groups_seen + 1;
      weights := weights + n;
    end loop;
    report "ok: " & integer'image(weights) & " weights in " & integer'image(clocks) & " clocks from the first word to the last weight";
    assert LIMIT = 0 or clocks <= LIMIT report "too many clocks" severity failure;
    expect_no_more(clk, m_ready, m_valid);
    assert weights > 0 report "empty vector file" severity failure;
    finish;
  end process;

  watch(groups_seen);
end architecture;
