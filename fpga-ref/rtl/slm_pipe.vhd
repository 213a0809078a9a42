-- slm_pipe: the handshake of a pipeline of STAGES registers. A stage loads when it is empty or the next one takes its content, so bubbles
-- close under backpressure and nothing is lost at any clock. The data registers belong to the user of this entity: stage i loads when
-- ce(i) is 1. `s_user` travels beside the data.
library ieee;
use ieee.std_logic_1164.all;

entity slm_pipe is
  generic (
    STAGES : positive := 1;
    USER_W : positive := 1
  );
  port (
    clk     : in  std_logic;
    rst     : in  std_logic;
    s_valid : in  std_logic;
    s_ready : out std_logic;
    s_user  : in  std_logic_vector(USER_W - 1 downto 0);
    m_valid : out std_logic;
    m_ready : in  std_logic;
    m_user  : out std_logic_vector(USER_W - 1 downto 0);
    ce      : out std_logic_vector(STAGES - 1 downto 0)
  );
end entity;

architecture rtl of slm_pipe is
  signal valid : std_logic_vector(STAGES - 1 downto 0);
  signal load  : std_logic_vector(STAGES downto 0);
  signal user  : std_logic_vector(STAGES * USER_W - 1 downto 0);
begin
  load(STAGES) <= m_ready;
  chain : for i in 0 to STAGES - 1 generate
    load(i) <= load(i + 1) or not valid(i);
  end generate;

  process (clk)
  begin
    if rising_edge(clk) then
      for i in STAGES - 1 downto 1 loop
        if load(i) = '1' then
          valid(i) <= valid(i - 1);
          user((i + 1) * USER_W - 1 downto i * USER_W) <= user(i * USER_W - 1 downto (i - 1) * USER_W);
        end if;
      end loop;
      if load(0) = '1' then
        valid(0) <= s_valid;
        user(USER_W - 1 downto 0) <= s_user;
      end if;
      if rst = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process;

  s_ready <= load(0);
  m_valid <= valid(STAGES - 1);
  m_user  <= user(STAGES * USER_W - 1 downto (STAGES - 1) * USER_W);
  ce      <= load(STAGES - 1 downto 0);
end architecture;
