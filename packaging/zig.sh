# shellcheck shell=bash
# Sourced by what builds for other systems: puts cargo-zigbuild and zig, which
# compiles C for them and links, into PATH. Both are from PyPI, at versions that are fixed;
# 440 MB below target/zig.
zig_tools=(ziglang==0.17.1 cargo-zigbuild==0.24.1)

if [ "$(cat target/zig/installed 2>/dev/null)" != "${zig_tools[*]}" ]; then
    rm -rf target/zig
    python3 -m venv target/zig
    target/zig/bin/pip install --quiet --disable-pip-version-check "${zig_tools[@]}"
    printf '%s\n' "${zig_tools[*]}" >target/zig/installed
fi
export PATH="$PWD/target/zig/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
