import Testing

/// Invalid arguments: status 64, a line that begins with the command's name, nothing on standard output.
@Suite struct UsageTests {
    static let mistakes: [[String]] = [
        ["bogus"], ["quantize"], ["quantize", "a"], ["quantize", "a", "b.qamw", "c"], ["quantize", "a", "b.qamw", "--bogus"],
        ["quantize", "a", "b.qamw", "--bits", "7"], ["quantize", "a", "b.qamw", "--bits", "1.5"], ["quantize", "a", "b.qamw", "--bits", "4.25"],
        ["quantize", "a", "b.qamw", "--bits", "many"], ["quantize", "a", "b.qamw", "--codebook", "square"],
        ["quantize", "a", "b.qamw", "--recipe", "none"], ["quantize", "a", "b.qamw", "--include", "("],
        ["quantize", "a", "b.qamw", "--include", "x=7"], ["quantize", "a", "b.qamw", "--exclude", "["],
        ["quantize", "a", "b.qamw", "--include", "(?=a)"], ["quantize", "a", "b.qamw", "--exclude", #"\1"#],
        ["quantize", "a", "b.qamw", "--include", "((a{1000}){1000}){1000}"], ["quantize", "a", "b.qamw", "--include", "x=1e300"],
        ["quantize", "a", "b.qamw", "--calibration", "c", "--target-bpw", "1e16"], ["quantize", "a", "b.qamw", "--calibration", "c", "--target-bpw", "1e19"],
        ["quantize", "a", "b.qamw", "--calibration", "c", "--target-bpw", "inf"], ["quantize", "a", "b.qamw", "--calibration", "c", "--target-bpw", "nan"],
        ["quantize", "a", "b.qamw", "--calibration", "c", "--target-bpw", "0"], ["quantize", "a", "b.qamw", "--bits", "1e300"],
        ["quantize", "a", "b.qamw", "--bits", "nan"], ["quantize", "a", "b.qamw", "--block-size", "9223372036854775807"],
        ["convert", "a", "b/", "--max-shard-size", "1e30"], ["convert", "a", "b/", "--max-shard-size", "99999999999999999999GB"],
        ["convert", "a", "b.gguf", "--alignment", "9223372036854775807"], ["eval", "a", "--tokens", "t", "--windows", "0"],
        ["eval", "a", "--tokens", "t", "--context", "9223372036854775807"], ["generate", "a", "--tokens", "t", "--count", "9223372036854775807"],
        ["calibrate", "a", "--tokens", "t", "-o", "c", "--context", "-9223372036854775808"], ["compare", "a", "b", "--max-nmse", "nan"],
        ["quantize", "a", "b.qamw", "--block-size", "48"], ["quantize", "a", "b.qamw", "--block-size", "1"],
        ["quantize", "a", "b.qamw", "--block-size", "65536"], ["quantize", "a", "b.qamw", "--seed", "-1"],
        ["quantize", "a", "b.qamw", "--threads", "0"], ["quantize", "a", "b.qamw", "--threads", "two"],
        ["quantize", "a", "b.qamw", "--gain-refit", "maybe"], ["quantize", "a", "b.safetensors"], ["quantize", "a", "b.gguf"],
        ["convert", "a"], ["convert", "a", "b.qamw", "--to", "onnx"], ["convert", "a", "b.qamw", "--dtype", "f64"],
        ["convert", "a", "b.safetensors", "--max-shard-size", "5XB"], ["convert", "a", "b.safetensors", "--max-shard-size", "0"],
        ["convert", "a", "b.safetensors", "--packed", "--dtype", "f16"], ["convert", "a", "b.qamw", "--threads", "-1"],
        ["verify"], ["verify", "a", "--threads", "0"], ["verify", "--tensor"], ["checksum"], ["checksum", "a", "--algorithm", "md5"],
        ["checksum", "--check", "b", "--algorithm", "xxh3"], ["inspect"], ["inspect", "a", "b"],
        ["compare", "a"], ["compare", "a", "b", "--max-nmse", "-1"], ["compare", "a", "b", "--max-nmse", "x"], ["metadata"],
        ["metadata", "a", "--set", "key"], ["metadata", "a", "--set", "key=value"], ["metadata", "a", "--set", "key=u8:300"],
        ["metadata", "a", "--set", "key=word:1"], ["metadata", "a", "--set", "=u8:1"],
    ]

    @Test(arguments: mistakes) func isRefused(_ arguments: [String]) throws {
        let outcome = try Command.run(arguments, in: try Scratch())
        #expect(outcome.status == 64)
        #expect(outcome.errors.hasPrefix("qamw: "))
        #expect(outcome.output.isEmpty)
    }

    @Test func misspeltCommandsAreRecognized() throws {
        let scratch = try Scratch()
        for (word, meant) in [("quantise", "quantize"), ("Inspect", "inspect"), ("convret", "convert"), ("evaluate", nil)] {
            let outcome = try scratch.qamw(word, "a", "b")
            let advice = meant.map { "did you mean \"\($0)\"?" } ?? "the commands are"
            #expect(outcome.status == 64 && outcome.errors.contains("\"\(word)\" is not a command") && outcome.errors.contains(advice), "\(outcome.errors)")
        }
        #expect(try scratch.qamw("help", "verify").status == 0)
        let gguf = try scratch.qamw("quantize", "a", "b.gguf")
        #expect(gguf.status == 64 && gguf.errors.contains("convert --dtype q4_k_m"))
    }

    @Test(arguments: ["quantize", "convert", "verify", "checksum", "inspect", "compare", "metadata", "bench"])
    func helpEndsWithAnExample(_ command: String) throws {
        let outcome = try Scratch().qamw(command, "--help")
        #expect(outcome.status == 0)
        #expect(["Example:", "Examples:"].contains { outcome.output.contains("\($0)\n  qamw \(command) ") })
        #expect(outcome.errors.isEmpty)
    }

    @Test func versionAndCompletions() throws {
        let scratch = try Scratch()
        #expect(try scratch.qamw("--version").output == "0.3.0\n")
        for shell in ["bash", "zsh", "fish"] {
            #expect(try scratch.qamw("--generate-completion-script", shell).output.contains("quantize"))
        }
    }

    @Test(arguments: [
        ["inspect", "a"], ["verify", "a"], ["quantize", "a", "b.qamw"], ["convert", "a", "b.qamw"], ["compare", "a", "b"],
        ["metadata", "a"], ["checksum", "a"], ["checksum", "--check", "a"],
    ])
    func missingInput(_ arguments: [String]) throws {
        let outcome = try Command.run(arguments, in: try Scratch())
        #expect(outcome.status == 66)
        #expect(outcome.errors == "qamw: a: no such file\n")
    }

    /// QAMW_ISA accepts the names of feature sets, of any architecture, and nothing else.
    @Test func namesOfProcessorFeatures() throws {
        let scratch = try Scratch()
        for name in ["AVX2", "avx", "sse2", "scalar "] {
            let outcome = try Command.run(["inspect", "a"], in: scratch, environment: ["QAMW_ISA": name])
            #expect(outcome.status == 64)
            #expect(outcome.errors == "qamw: QAMW_ISA is '\(name)': it takes one of scalar, avx2, avx512-base, avx512, neon-base, neon-dotprod, neon\n")
        }
        for name in ["", "scalar", "avx2", "avx512-base", "avx512", "neon-base", "neon-dotprod", "neon"] {
            #expect(try Command.run(["inspect", "a"], in: scratch, environment: ["QAMW_ISA": name]).status == 66)
        }
    }

    @Test func whatIsNoModelIsToldByName() throws {
        let scratch = try Scratch()
        try scratch.write("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", to: "a.safetensors")
        let outcome = try scratch.qamw("inspect", "a.safetensors")
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("git-lfs pointer"))
        try scratch.write(Array("GGUF".utf8) + [UInt8](repeating: 0, count: 60), to: "a.gguf")
        #expect(try scratch.qamw("verify", "a.gguf").status == 65)
        #expect(try scratch.qamw("inspect", "a.gguf").errors == "qamw: a.gguf: section header, offset 4: 0 is not a GGUF version\n")
        try scratch.write(Array("FUGG".utf8) + [UInt8](repeating: 0, count: 60), to: "b.gguf")
        #expect(try scratch.qamw("verify", "b.gguf").errors.hasPrefix("qamw: b.gguf: section header, offset 0: the file begins with"))
    }
}
