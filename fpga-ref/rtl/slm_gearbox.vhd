-- slm_gearbox: cuts a stream of 64-byte words into pieces of any number of bytes, one piece a clock. A descriptor asks for `d_need` bytes
-- to be there, shows a window of WINDOW bytes from the current position (what lies beyond d_need means nothing), and then moves on by
-- `d_take` bytes; `d_flush` drops what is left of the word after that, so that the next piece begins with a new word. `d_user` comes out
-- beside the window.
-- Three words are held, so that with both sides ready a piece of up to 64 bytes leaves every clock, wherever it begins.
-- Latency 1 clock from the last word needed; throughput one piece a clock.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity slm_gearbox is
  generic (
    WINDOW : positive := 66; -- bytes shown, at most 128
    USER_W : positive := 1
  );
  port (
    clk      : in  std_logic;
    rst      : in  std_logic;
    s_valid  : in  std_logic;
    s_ready  : out std_logic;
    s_data   : in  std_logic_vector(511 downto 0);
    d_valid  : in  std_logic;
    d_ready  : out std_logic;
    d_need   : in  std_logic_vector(7 downto 0); -- at most WINDOW
    d_take   : in  std_logic_vector(7 downto 0); -- at most d_need
    d_flush  : in  std_logic;
    d_user   : in  std_logic_vector(USER_W - 1 downto 0);
    m_valid  : out std_logic;
    m_ready  : in  std_logic;
    m_window : out std_logic_vector(WINDOW * 8 - 1 downto 0);
    m_user   : out std_logic_vector(USER_W - 1 downto 0)
  );
end entity;

architecture rtl of slm_gearbox is
  signal word_0, word_1, word_2 : std_logic_vector(511 downto 0);
  signal count    : unsigned(1 downto 0); -- words held
  signal offset   : unsigned(5 downto 0); -- bytes of word_0 already taken
  signal enough   : std_logic;
  signal fire     : std_logic;
  signal place    : unsigned(7 downto 0); -- the position after this piece
  signal pop      : unsigned(1 downto 0);
  signal room     : std_logic;
  signal p_valid  : std_logic;
  signal p_ready  : std_logic;
  signal load     : std_logic_vector(0 downto 0);
begin
  process (all)
    variable present : unsigned(8 downto 0);
    variable needed  : unsigned(8 downto 0);
  begin
    present := '0' & count & "000000";
    needed  := unsigned('0' & d_need) + ("000" & offset);
    enough  <= '0';
    if present >= needed then
      enough <= '1';
    end if;
    place <= unsigned(d_take) + ("00" & offset);
  end process;

  fire    <= d_valid and enough and p_ready;
  d_ready <= enough and p_ready;
  p_valid <= d_valid and enough;

  process (all)
  begin
    pop <= "00";
    if fire = '1' then
      pop <= place(7 downto 6);
      if d_flush = '1' and place(5 downto 0) /= 0 then
        pop <= place(7 downto 6) + 1;
      end if;
    end if;
  end process;
  room    <= '1' when count /= 3 or pop /= 0 else '0';
  s_ready <= room;

  process (clk)
    variable left : unsigned(1 downto 0);
    variable take : std_logic;
  begin
    if rising_edge(clk) then
      left := count - pop;
      take := s_valid and room;
      if pop = 1 then
        word_0 <= word_1;
        word_1 <= word_2;
      elsif pop /= 0 then
        word_0 <= word_2;
      end if;
      if take = '1' then
        if left = 0 then
          word_0 <= s_data;
        elsif left = 1 then
          word_1 <= s_data;
        else
          word_2 <= s_data;
        end if;
        left := left + 1;
      end if;
      count <= left;
      if fire = '1' then
        offset <= place(5 downto 0);
        if d_flush = '1' then
          offset <= (others => '0');
        end if;
      end if;
      if rst = '1' then
        count  <= "00";
        offset <= (others => '0');
      end if;
    end if;
  end process;

  pipe : entity work.slm_pipe
    generic map (STAGES => 1, USER_W => USER_W)
    port map (clk => clk, rst => rst, s_valid => p_valid, s_ready => p_ready, s_user => d_user, m_valid => m_valid, m_ready => m_ready,
              m_user => m_user, ce => load);

  process (clk)
    variable all_words : unsigned(1535 downto 0);
  begin
    if rising_edge(clk) then
      if load(0) = '1' then
        all_words := unsigned(word_2) & unsigned(word_1) & unsigned(word_0);
        all_words := shift_right(all_words, to_integer(offset & "000"));
        m_window <= std_logic_vector(all_words(WINDOW * 8 - 1 downto 0));
      end if;
    end if;
  end process;
end architecture;
