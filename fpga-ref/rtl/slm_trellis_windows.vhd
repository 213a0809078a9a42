-- slm_trellis_windows: a window of a trellis stream to weights: slm_trellis_lanes, and for floating-point outputs the scale and the one
-- rounding. Valid/ready on both sides; `s_user` comes out beside the weights.
-- Latency: lanes (max(clog2(P), 1) + 1), and for floats 4 more: slm_short_float, or slm_to_float after a product; 3 where there is neither.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_trellis_windows is
  generic (
    K       : positive := 16;
    TAPS    : positive := 4107;
    STEP    : positive := 5;
    W       : positive := 4;
    P       : positive := 4;
    C       : positive := 1;
    ADVANCE : positive := 4;
    GROUPS  : positive := 128;
    OUTPUT  : natural  := SLM_INT;
    POW2    : boolean  := false;
    USER_W  : positive := 1
  );
  port (
    clk      : in  std_logic;
    rst      : in  std_logic;
    s_valid  : in  std_logic;
    s_ready  : out std_logic;
    s_window : in  std_logic_vector((GROUPS - 1) * ADVANCE + K - 1 downto 0);
    s_scale  : in  std_logic_vector(15 downto 0);
    s_user   : in  std_logic_vector(USER_W - 1 downto 0);
    m_valid  : out std_logic;
    m_ready  : in  std_logic;
    m_data   : out std_logic_vector(GROUPS * C * slm_output_width(OUTPUT, slm_trellis_width(W, P)) - 1 downto 0);
    m_user   : out std_logic_vector(USER_W - 1 downto 0)
  );
end entity;

architecture rtl of slm_trellis_windows is
  constant LANES   : positive := GROUPS * C;
  constant TW      : positive := slm_trellis_width(W, P);
  constant OW      : positive := slm_output_width(OUTPUT, TW);
  constant INT_LAT : positive := slm_max(slm_clog2(P), 1) + 1;
  constant MUL_LAT : natural  := slm_if(POW2, 0, 1);
  constant SHORT   : boolean  := POW2 and slm_is_short(W, P); -- slm_short_float serves
  constant LATENCY : positive := INT_LAT + slm_if(OUTPUT = SLM_INT, 0, slm_if(SHORT, 4, slm_float_latency(0) + MUL_LAT));

  signal ce       : std_logic_vector(LATENCY - 1 downto 0);
  signal integers : std_logic_vector(LANES * TW - 1 downto 0);
begin
  pipe : entity work.slm_pipe
    generic map (STAGES => LATENCY, USER_W => USER_W)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_user => s_user, m_valid => m_valid, m_ready => m_ready,
              m_user => m_user, ce => ce);

  lanes_all : entity work.slm_trellis_lanes
    generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, ADVANCE => ADVANCE, GROUPS => GROUPS)
    port map (clk => clk, ce => ce(INT_LAT - 1 downto 0), window => s_window, integers => integers);

  integer_output : if OUTPUT = SLM_INT generate
    m_data <= integers;
  end generate;

  short_output : if OUTPUT /= SLM_INT and SHORT generate
    constant EB : positive := slm_exponent_bits(OUTPUT);
    signal scales  : std_logic_vector((INT_LAT - 1) * 16 - 1 downto 0); -- the scale on its way beside the integers
    signal codes   : std_logic_vector(8 downto 0);
    signal low     : std_logic_vector(2 downto 0);
    signal high, high_up : std_logic_vector(EB - 4 downto 0);
    signal keep    : std_logic_vector(slm_mantissa_bits(OUTPUT) - 1 downto 0);
    signal turn, limited, under, flat, guard, as_is : std_logic;
    signal sticky  : std_logic_vector(3 downto 1);
  begin
    scales(15 downto 0) <= s_scale;
    later : for i in 1 to INT_LAT - 2 generate
      process (clk)
      begin
        if rising_edge(clk) then
          if ce(i - 1) = '1' then
            scales(16 * i + 15 downto 16 * i) <= scales(16 * i - 1 downto 16 * i - 16);
          end if;
        end if;
      end process;
    end generate;

    scale : entity work.slm_short_scale
      generic map (OUTPUT => OUTPUT, OFFSET => 1)
      port map (clk => clk, ce => ce(INT_LAT + 2 downto INT_LAT - 2), scale => scales(16 * (INT_LAT - 1) - 1 downto 16 * (INT_LAT - 2)),
                turn => turn, codes => codes, low => low, high => high, high_up => high_up, limited => limited, under => under, flat => flat,
                keep => keep, guard => guard, sticky => sticky, as_is => as_is);

    lane : for i in 0 to LANES - 1 generate
      signal value : std_logic_vector(5 downto 0);
    begin
      bits : for n in 0 to 5 generate
        value(n) <= integers(i * TW + slm_min(n + 1, TW - 1)); -- T/2
      end generate;
      convert : entity work.slm_short_float
        generic map (OUTPUT => OUTPUT)
        port map (clk => clk, ce => ce(LATENCY - 1 downto INT_LAT), value => value, turn => turn, codes => codes, low => low, high => high,
                  high_up => high_up, limited => limited, under => under, flat => flat, keep => keep, guard => guard, sticky => sticky,
                  as_is => as_is, result => m_data((i + 1) * OW - 1 downto i * OW));
    end generate;
  end generate;

  float_output : if OUTPUT /= SLM_INT and not SHORT generate
    constant HALF : natural  := slm_if(P mod 2 = 0, 1, 0); -- T is even for even P: T/2 goes on, and the scale counts for one more
    constant HW   : positive := TW - HALF;
    constant IN_W : positive := slm_if(POW2, HW, HW + 8);
    constant CW   : positive := slm_cap_width(OUTPUT, IN_W - 1, 0);
    constant NB   : positive := IN_W - 1 + slm_headroom(OUTPUT, IN_W - 1, 0);
    signal scales      : std_logic_vector(INT_LAT * 16 - 1 downto 0); -- the scale on its way beside the integers
    signal significand : std_logic_vector(7 downto 0);
    signal cap, cap_v  : std_logic_vector(CW - 1 downto 0);
    signal stop, stop_v : std_logic_vector(NB - 1 downto 0);
  begin
    process (clk)
    begin
      if rising_edge(clk) then
        if ce(0) = '1' then
          scales(15 downto 0) <= s_scale;
        end if;
        for i in 1 to INT_LAT - 1 loop
          if ce(i) = '1' then
            scales(16 * i + 15 downto 16 * i) <= scales(16 * i - 1 downto 16 * i - 16);
          end if;
        end loop;
      end if;
    end process;

    scale : entity work.slm_scale
      generic map (OUTPUT => OUTPUT, N => IN_W - 1, OFFSET => HALF, POW2 => POW2)
      port map (clk => clk, ce => ce(INT_LAT - 1), scale => scales(16 * (INT_LAT - 1) - 1 downto 16 * (INT_LAT - 2)), exponent => "0",
                significand => significand, cap => cap, stop => stop);

    direct : if POW2 generate
      cap_v  <= cap;
      stop_v <= stop;
    end generate;
    delayed : if not POW2 generate
      process (clk)
      begin
        if rising_edge(clk) then
          if ce(INT_LAT) = '1' then
            cap_v  <= cap;
            stop_v <= stop;
          end if;
        end if;
      end process;
    end generate;

    lane : for i in 0 to LANES - 1 generate
      signal value : std_logic_vector(IN_W - 1 downto 0);
    begin
      as_is : if POW2 generate
        value <= integers((i + 1) * TW - 1 downto i * TW + HALF);
      end generate;
      product : if not POW2 generate
        process (clk)
          variable wide : unsigned(IN_W - 1 downto 0);
          variable full : unsigned(IN_W + 7 downto 0);
        begin
          if rising_edge(clk) then
            if ce(INT_LAT) = '1' then
              -- modulo 2^IN_W, where the sign-extended integer needs no signed multiplication
              wide := (others => integers((i + 1) * TW - 1));
              wide(HW - 1 downto 0) := unsigned(integers((i + 1) * TW - 1 downto i * TW + HALF));
              full := wide * unsigned(significand);
              value <= std_logic_vector(full(IN_W - 1 downto 0));
            end if;
          end if;
        end process;
      end generate;
      convert : entity work.slm_to_float
        generic map (IN_W => IN_W, OUTPUT => OUTPUT, DIVIDE => 0)
        port map (clk => clk, ce => ce(LATENCY - 1 downto LATENCY - 3), value => value, cap => cap_v, stop => stop_v,
                  result => m_data((i + 1) * OW - 1 downto i * OW));
    end generate;
  end generate;
end architecture;
