# The two commands a newcomer needs; everything else is CMake (see CONTRIBUTING.md).
#   make demo   install, build and split a real model between a slow device and an edge server; writes demo/report.html
#   make test   install, build and run all tests; the last lines count what was skipped and why
BUILD ?= build/release
JOBS ?= $(shell nproc)
# Third-party headers make each compiler process take up to 1 GB; builds share ccache between folders.
export CCACHE_NOHASHDIR = 1
export CCACHE_BASEDIR = $(CURDIR)

.PHONY: demo test build clean

demo:
	tools/install_deps.sh demo
	cmake -G Ninja -S . -B $(BUILD) -DSCISSIONLITE_TESTS=OFF -DCMAKE_BUILD_TYPE=Release
	cmake --build $(BUILD) -j $(JOBS) --target scissionlite
	tools/demo.sh $(BUILD)/scissionlite demo

test:
	tools/install_deps.sh test
	cmake -G Ninja -S . -B $(BUILD) -DSCISSIONLITE_TESTS=ON -DCMAKE_BUILD_TYPE=Release
	cmake --build $(BUILD) -j $(JOBS)
	tools/assets/make_assets.sh build/assets test
	tools/run_tests.sh $(BUILD)

build:
	tools/install_deps.sh build
	cmake -G Ninja -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release -DSCISSIONLITE_TESTS=OFF
	cmake --build $(BUILD) -j $(JOBS)

clean:
	rm -rf build
