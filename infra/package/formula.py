"""The Homebrew formula of the command line: it installs the tar.gz of a release by its checksum."""
from artefacts import COMMAND_LINE

# Homebrew's blocks of the machines.
BLOCKS = {"amd64": "on_intel", "arm64": "on_arm"}


def formula(version, repository, checksum):
    """Returns the formula; `checksum` returns the SHA-256 of a release file."""
    files = {machine: COMMAND_LINE.archive(version, machine) for machine in COMMAND_LINE.targets}
    blocks = "".join(block(BLOCKS[machine], url(version, repository, file), checksum(file)) for machine, file in files.items())
    return f'''\
# Installs the programs that the release has, which are for Linux only.
class GenesysRotator < Formula
  desc "Rotates API tokens of Genesys Cloud and NICE CXone in secret stores"
  homepage "https://github.com/{repository}"
  version "{version}"
  license "Apache-2.0"

  depends_on :linux
{blocks}
  def install
    bin.install "genesys-rotator"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/genesys-rotator.bash" => "genesys-rotator"
    fish_completion.install "completions/genesys-rotator.fish"
    zsh_completion.install "completions/_genesys-rotator"
    doc.install "LICENSE", "THIRD-PARTY-LICENSES.txt"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/genesys-rotator --version")
  end
end
'''


def url(version, repository, file):
    return f"https://github.com/{repository}/releases/download/v{version}/{file}"


def block(name, address, checksum):
    return f'\n  {name} do\n    url "{address}"\n    sha256 "{checksum}"\n  end\n'
