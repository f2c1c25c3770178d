import Testing

@Suite struct ChecksumTests {
    @Test func theHashesAreThoseOfOtherPrograms() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "a")
        try scratch.write([], to: "empty")
        #expect(
            try scratch.qamw("checksum", "a", "--algorithm", "sha256").output
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n")
        #expect(try scratch.qamw("checksum", "empty", "a").output == "2d06800538d394c2  empty\n78af5f94892f3950  a\n")
    }

    @Test func piecesAreHashedAsOne() throws {
        let scratch = try Scratch()
        try scratch.write([UInt8](repeating: 0, count: 9_000_000), to: "zeros")
        #expect(
            try scratch.qamw("checksum", "zeros", "--algorithm", "sha256").output
                == "177ffe9ef4bc54e6880afccabfbdb0273a15b89c0e663eabeeb8e9cda211f21f  zeros\n")
        #expect(try scratch.qamw("checksum", "zeros").output == "b89e227213d0f0bc  zeros\n")
    }

    @Test func aManifestIsChecked() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "a")
        try scratch.write("def", to: "b\nc\\d")
        let xxh3 = try scratch.qamw("checksum", "a", "b\nc\\d").output
        let sha256 = try scratch.qamw("checksum", "a", "--algorithm", "sha256").output
        #expect(xxh3.contains("\n\\") && xxh3.contains("  b\\nc\\\\d\n"))
        try scratch.write(xxh3 + sha256, to: "SUMS")
        let good = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(good.status == 0 && good.errors.isEmpty)
        #expect(good.output == "a: OK\nb\\nc\\d: OK\na: OK\n")
        #expect(try scratch.qamw("checksum", "--check", "SUMS", "--quiet").output.isEmpty)

        try scratch.write("abd", to: "a")
        let bad = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(bad.status == 65)
        #expect(bad.output == "a: FAILED\nb\\nc\\d: OK\na: FAILED\n")
        #expect(bad.errors == "qamw: warning: 2 computed checksums did NOT match\n")
    }

    @Test func whatIsMissingIsToldApart() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "a")
        try scratch.write("78af5f94892f3950  a\n78af5f94892f3950 *gone\nnonsense\n", to: "SUMS")
        let outcome = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(outcome.status == 66)
        #expect(outcome.output == "a: OK\ngone: FAILED open or read\n")
        #expect(outcome.errors.contains("1 line not of the form") && outcome.errors.contains("1 listed file could not be read"))
        try scratch.write("nonsense\n", to: "SUMS")
        #expect(try scratch.qamw("checksum", "--check", "SUMS").status == 65)
        let some = try scratch.qamw("checksum", "gone", "a")
        #expect(some.status == 66)
        #expect(some.output == "78af5f94892f3950  a\n")
    }
}
