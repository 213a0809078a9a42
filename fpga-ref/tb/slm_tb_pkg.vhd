-- slm_tb_pkg: what the benches share: reading numbers from text, both sides of a handshake with random stalls, the comparison.
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

  -- Clocks in which a sender does nothing.
  procedure pause(rng : inout slm_random; percent : natural; signal clk : in std_logic);
  -- Offers what the sender has put beside `valid` until it is taken.
  procedure offer(signal clk : in std_logic; signal valid : out std_logic; signal ready : in std_logic);
  -- Waits for the clock in which a word comes, ready in all but `percent` of the clocks.
  procedure take(rng : inout slm_random; percent : natural; signal clk : in std_logic; signal ready : inout std_logic; signal valid : in std_logic);
  -- Fails where a further word comes in the next clocks.
  procedure expect_no_more(signal clk : in std_logic; signal ready : out std_logic; signal valid : in std_logic);
  -- The first `count` words of `width` bits.
  procedure compare(got, expected : std_logic_vector; count, width, number : natural);
  -- Fails where `progress` stands still; never returns.
  procedure watch(signal progress : in natural);
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

  procedure pause(rng : inout slm_random; percent : natural; signal clk : in std_logic) is
  begin
    while rng.stall(percent) loop
      wait until rising_edge(clk);
    end loop;
  end procedure;

  procedure offer(signal clk : in std_logic; signal valid : out std_logic; signal ready : in std_logic) is
  begin
    valid <= '1';
    loop
      wait until rising_edge(clk);
      exit when ready = '1';
    end loop;
    valid <= '0';
  end procedure;

  procedure take(rng : inout slm_random; percent : natural; signal clk : in std_logic; signal ready : inout std_logic; signal valid : in std_logic) is
  begin
    loop
      ready <= '0';
      if not rng.stall(percent) then
        ready <= '1';
      end if;
      wait until rising_edge(clk);
      exit when valid = '1' and ready = '1';
    end loop;
  end procedure;

  procedure expect_no_more(signal clk : in std_logic; signal ready : out std_logic; signal valid : in std_logic) is
  begin
    ready <= '1';
    for i in 1 to 60 loop
      wait until rising_edge(clk);
      assert valid = '0' report "more words than expected" severity failure;
    end loop;
  end procedure;

  procedure compare(got, expected : std_logic_vector; count, width, number : natural) is
    constant g : std_logic_vector(got'length - 1 downto 0)      := got;
    constant e : std_logic_vector(expected'length - 1 downto 0) := expected;
  begin
    for i in 0 to count - 1 loop
      assert g((i + 1) * width - 1 downto i * width) = e((i + 1) * width - 1 downto i * width)
        report "group " & integer'image(number) & " lane " & integer'image(i) & ": " & to_hstring(g((i + 1) * width - 1 downto i * width))
               & ", expected " & to_hstring(e((i + 1) * width - 1 downto i * width)) severity failure;
    end loop;
  end procedure;

  procedure watch(signal progress : in natural) is
    variable before : natural;
  begin
    loop
      before := progress;
      wait for 100 us;
      assert progress /= before report "the bench stands still" severity failure;
    end loop;
  end procedure;
end package body;
