-- slm_block_lanes: a block record and a scale to its C weights, every clock: slm_block_sums, then the shift by the exponent code or the
-- scale and the one rounding. No handshake: ce(i) loads stage i. Latency slm_block_latency clocks.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use work.slm_pkg.all;

entity slm_block_lanes is
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
    OUTPUT  : natural  := SLM_F16;
    POW2    : boolean  := false;
    SHIFTED : boolean  := true
  );
  port (
    clk      : in  std_logic;
    ce       : in  std_logic_vector(slm_block_latency(STEP, W, P, B, C, NORM, OUTPUT, POW2, SHIFTED) - 1 downto 0);
    code     : in  std_logic_vector(K + E + P * B - 1 downto 0);
    scale    : in  std_logic_vector(15 downto 0);
    weights  : out std_logic_vector(C * slm_block_width(OUTPUT, W, B, P, E, SHIFTED) - 1 downto 0);
    exponent : out std_logic_vector(slm_max(E, 1) - 1 downto 0)
  );
end entity;

architecture rtl of slm_block_lanes is
  constant SW      : positive := slm_sum_width(W, B, P);
  constant TW      : positive := SW + 2 ** E - 1;
  constant OW      : positive := slm_block_width(OUTPUT, W, B, P, E, SHIFTED);
  constant SUM_LAT : positive := slm_sums_latency(STEP, W, P, B, C);
  constant LATENCY : positive := slm_block_latency(STEP, W, P, B, C, NORM, OUTPUT, POW2, SHIFTED);
  constant EW      : positive := slm_max(E, 1);
  constant SIDE    : positive := 16 + EW;

  signal sums : std_logic_vector(C * SW - 1 downto 0);
  signal code_exponent : std_logic_vector(EW - 1 downto 0);
  type side_array is array (0 to LATENCY - 1) of std_logic_vector(SIDE - 1 downto 0);
  signal aside : side_array; -- scale and exponent code on their way beside the sums
begin
  with_exponent : if E > 0 generate
    code_exponent <= code(K + E - 1 downto K);
  end generate;
  no_exponent : if E = 0 generate
    code_exponent <= "0";
  end generate;

  process (clk)
  begin
    if rising_edge(clk) then
      if ce(0) = '1' then
        aside(0) <= scale & code_exponent;
      end if;
      for i in 1 to LATENCY - 1 loop
        if ce(i) = '1' then
          aside(i) <= aside(i - 1);
        end if;
      end loop;
    end if;
  end process;
  exponent <= aside(LATENCY - 1)(EW - 1 downto 0);

  all_sums : entity work.slm_block_sums
    generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, B => B)
    port map (clk => clk, ce => ce(SUM_LAT - 1 downto 0), seed => code(K - 1 downto 0), q => code(K + E + P * B - 1 downto K + E), sums => sums);

  unshifted_output : if OUTPUT = SLM_INT and not SHIFTED generate
    weights <= sums;
  end generate;

  integer_output : if OUTPUT = SLM_INT and SHIFTED generate
    process (clk)
      variable t : unsigned(TW - 1 downto 0);
    begin
      if rising_edge(clk) then
        if ce(SUM_LAT) = '1' then
          for i in 0 to C - 1 loop
            t := (others => sums((i + 1) * SW - 1));
            t(SW - 1 downto 0) := unsigned(sums((i + 1) * SW - 1 downto i * SW));
            if E > 0 then
              t := shift_left(t, to_integer(unsigned(aside(SUM_LAT - 1)(EW - 1 downto 0))));
            end if;
            weights((i + 1) * OW - 1 downto i * OW) <= std_logic_vector(t);
          end loop;
        end if;
      end if;
    end process;
  end generate;

  float_output : if OUTPUT /= SLM_INT generate
    constant DIVIDE : natural  := slm_if(NORM = 1 and W > 2, W - 1, 0); -- W = 2 divides by 1
    constant IN_W   : positive := slm_if(POW2, SW, SW + 8);
    constant CW     : positive := slm_cap_width(OUTPUT, IN_W - 1, DIVIDE);
    constant NB     : positive := IN_W - 1 + slm_headroom(OUTPUT, IN_W - 1, DIVIDE);
    constant BEGIN_FLOAT : positive := LATENCY - slm_float_latency(DIVIDE);
    signal significand   : std_logic_vector(7 downto 0);
    signal cap, cap_v    : std_logic_vector(CW - 1 downto 0);
    signal stop, stop_v  : std_logic_vector(NB - 1 downto 0);
  begin
    -- The scale is ready when the sums are.
    of_scale : entity work.slm_scale
      generic map (OUTPUT => OUTPUT, N => IN_W - 1, E => E, DIVIDE => DIVIDE, POW2 => POW2)
      port map (clk => clk, ce => ce(SUM_LAT - 1), scale => aside(SUM_LAT - 2)(SIDE - 1 downto EW),
                exponent => aside(SUM_LAT - 2)(EW - 1 downto 0), significand => significand, cap => cap, stop => stop);

    as_is : if POW2 generate
      cap_v  <= cap;
      stop_v <= stop;
    end generate;
    later : if not POW2 generate
      process (clk)
      begin
        if rising_edge(clk) then
          if ce(SUM_LAT) = '1' then
            cap_v  <= cap;
            stop_v <= stop;
          end if;
        end if;
      end process;
    end generate;

    lane : for i in 0 to C - 1 generate
      signal value : std_logic_vector(IN_W - 1 downto 0);
    begin
      same : if POW2 generate
        value <= sums((i + 1) * SW - 1 downto i * SW);
      end generate;
      product : if not POW2 generate
        process (clk)
          variable wide : unsigned(IN_W - 1 downto 0);
          variable full : unsigned(IN_W + 7 downto 0);
        begin
          if rising_edge(clk) then
            if ce(SUM_LAT) = '1' then
              -- modulo 2^IN_W, where the sign-extended sum needs no signed multiplication
              wide := (others => sums((i + 1) * SW - 1));
              wide(SW - 1 downto 0) := unsigned(sums((i + 1) * SW - 1 downto i * SW));
              full := wide * unsigned(significand);
              value <= std_logic_vector(full(IN_W - 1 downto 0));
            end if;
          end if;
        end process;
      end generate;
      convert : entity work.slm_to_float
        generic map (IN_W => IN_W, OUTPUT => OUTPUT, DIVIDE => DIVIDE)
        port map (clk => clk, ce => ce(LATENCY - 1 downto BEGIN_FLOAT), value => value, cap => cap_v, stop => stop_v,
                  result => weights((i + 1) * OW - 1 downto i * OW));
    end generate;
  end generate;
end architecture;
