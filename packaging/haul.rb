# For Homebrew: `brew install --HEAD ./packaging/haul.rb`. Not tried yet; a release sets `sha256`.
class Haul < Formula
  desc "Downloads URLs, and lists of URLs of any length"
  homepage "https://github.com/haulage/haulage"
  url "https://github.com/haulage/haulage/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/haulage/haulage.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/haul")
    generate_completions_from_executable(bin/"haul", "completions", shells: [:bash, :zsh, :fish])
    (man1/"haul.1").write Utils.safe_popen_read(bin/"haul", "man")
  end

  test do
    system bin/"haul", "demo", "-d", testpath/"flags"
    assert_equal 20, testpath.glob("flags/**/*.gif").length
  end
end
