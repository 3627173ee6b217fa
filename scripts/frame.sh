# shellcheck shell=bash disable=SC2034
# What all scripts share: strict mode, where things lie, how to speak. Sourced, not run.
set -euo pipefail

drover_source="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export DROVER_HOME="${DROVER_HOME:-$HOME/.local/share/drover}"
drover_log="$DROVER_HOME/setup.log"

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }

# Ends the script with one sentence. Status 1: what was asked cannot be done; 3 (fail_surroundings): network, disk or memory.
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
fail_surroundings() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 3; }

# Megabytes free where DROVER_HOME lies or will lie.
free_megabytes() {
  local folder="$DROVER_HOME"
  while [[ ! -d "$folder" ]]; do folder="$(dirname "$folder")"; done
  df --output=avail --block-size=1M "$folder" | tail -n 1 | tr -d ' '
}

# require_space MEGABYTES WHAT
require_space() {
  local free
  free="$(free_megabytes)"
  if ((free < $1)); then
    fail_surroundings "$2 needs $1 MB under $DROVER_HOME and $free MB are free; free some space or set DROVER_HOME to another disk."
  fi
}

# Compilations at once: one per core, but two gigabytes of memory each, which is what a file that sees LibTorch takes.
compile_jobs() {
  local cores memory
  cores="$(nproc)"
  memory="$(awk '/MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo)"
  if ((memory < 1)); then memory=1; fi
  echo $((cores < memory ? cores : memory))
}

# The version of the LibTorch in folder $1, "2.13.0"; empty when it is none.
libtorch_version() {
  local file="$1/share/cmake/Torch/TorchConfigVersion.cmake"
  [[ -f "$file" ]] || return 0
  sed -n 's/^set(PACKAGE_VERSION "\([^"]*\)").*/\1/p' "$file"
}

# "CUDA" or "CPU": what the LibTorch in folder $1 was built for.
libtorch_kind() {
  if compgen -G "$1/lib/libtorch_cuda*.so" >/dev/null; then echo CUDA; else echo CPU; fi
}

# The folder of the LibTorch that set-up chose; empty when there is none.
libtorch_folder() {
  local folder
  if [[ -n "${DROVER_LIBTORCH:-}" ]]; then
    echo "$DROVER_LIBTORCH"
  elif [[ -s "$DROVER_HOME/libtorch-path" ]]; then
    cat "$DROVER_HOME/libtorch-path"
  else
    for folder in "$DROVER_HOME"/python/lib/python3*/site-packages/torch; do
      if [[ -d "$folder" ]]; then echo "$folder"; fi
    done | head -n 1
  fi
}

# The nvcc that the preset cuda will take (cmake/DroverCuda.cmake looks in the same places); empty when there is none.
cuda_compiler() {
  local found
  found="${CUDACXX:-}"
  if [[ -z "$found" ]]; then found="$(command -v nvcc || true)"; fi
  if [[ -z "$found" && -x /usr/local/cuda/bin/nvcc ]]; then found=/usr/local/cuda/bin/nvcc; fi
  if [[ -z "$found" ]]; then found="$(compgen -G "$DROVER_HOME/cuda-compiler/nvidia/cu*/bin/nvcc" | head -n 1 || true)"; fi
  echo "$found"
}
