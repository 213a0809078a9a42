-- The optimised architecture of slm_block_decoder, for synthesis: slm_block_records with one record.
architecture optimised of slm_block_decoder is
begin
  records : entity work.slm_block_records
    generic map (K => K, TAPS => TAPS, STEP => STEP, W => W, P => P, C => C, E => E, B => B, NORM => NORM, GROUPS => 1, OUTPUT => OUTPUT,
                 POW2 => POW2, SHIFTED => SHIFTED, USER_W => 1)
    port map (clk => clk, rst => rst, s_valid => s_valid, s_ready => s_ready, s_records => s_record, s_used => "1", s_scale => s_scale,
              s_user => "0", m_valid => m_valid, m_ready => m_ready, m_data => m_data, m_exponent => m_exponent, m_seed0 => m_seed0,
              m_user => open);
end architecture;
