import Foundation
import Testing

/// Files that change while the command has them mapped.
@Suite struct MappedFileTests {
    /// `generate` maps the model, then waits for tokens; in between the file loses all but its first page.
    @Test(arguments: ["m.qamw", "m/model.safetensors"])
    func aFileThatIsCutWhileMappedIsAnErrorThatNamesIt(_ model: String) throws {
        let test = try TestInference("llama"), scratch = test.scratch
        #expect(try scratch.qamw("quantize", "--plain", "m", "m.qamw", "--bits", "6.5", "--recipe", "all", "--quiet").status == 0)
        let input = Pipe()
        let outcome = try Command.run(["generate", model == "m.qamw" ? model : "m", "--tokens", "-", "--count", "4", "--quiet"], in: scratch, input: input) {
            process in
            // Once it has taken a token, the model is open.
            let tokens = input.fileHandleForWriting
            try tokens.write(contentsOf: Data([1, 0, 0, 0]))
            var waiting: CInt = 1
            while waiting > 0, process.isRunning {
                usleep(1000)
                _ = unsafe ioctl(tokens.fileDescriptor, UInt(FIONREAD), &waiting)
            }
            try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.path(model))).truncate(atOffset: 4096)
            try tokens.write(contentsOf: Data([2, 0, 0, 0]))
            try tokens.close()
        }
        #expect(outcome.status == 74)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("qamw: ") && outcome.errors.contains("/\(model): it became shorter"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }
}
