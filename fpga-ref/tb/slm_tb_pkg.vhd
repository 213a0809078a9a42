-- slm_tb_pkg: what the benches share: a random bit for stalls, and reading numbers from text.
library ieee;
use ieee.std_logic_1164.all;
use ieee.math_real.all;
use std.textio.all;

package slm_tb_pkg is
  type slm_random is protected
    procedure seed(value : positive);
    impure function stall(percent : natural) return boolean;
  end protected;

  -- The rest of a line's next hexadecimal number; the line must hold it.
  procedure get_hex(l : inout line; value : out std_logic_vector);
  procedure get_natural(l : inout line; value : out natural);
  procedure get_bit(l : inout line; value : out std_logic);
end package;

package body slm_tb_pkg is
  type slm_random is protected body
    variable s1, s2 : positive := 1;

    procedure seed(value : positive) is
    begin
      s1 := value;
      s2 := value + 7;
    end procedure;

    impure function stall(percent : natural) return boolean is
      variable x : real;
    begin
      uniform(s1, s2, x);
      return x * 100.0 < real(percent);
    end function;
  end protected body;

  procedure get_hex(l : inout line; value : out std_logic_vector) is
    variable good : boolean;
  begin
    hread(l, value, good);
    assert good report "bad hexadecimal number in a vector file" severity failure;
  end procedure;

  procedure get_natural(l : inout line; value : out natural) is
    variable good : boolean;
  begin
    read(l, value, good);
    assert good report "bad number in a vector file" severity failure;
  end procedure;

  procedure get_bit(l : inout line; value : out std_logic) is
    variable n : natural;
  begin
    get_natural(l, n);
    assert n <= 1 report "bad bit in a vector file" severity failure;
    value := '0';
    if n = 1 then
      value := '1';
    end if;
  end procedure;
end package body;
