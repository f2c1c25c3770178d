import Architectures
import Converters
import Foundation
import Testing

/// Where outputs may be written, and what remains after a failure.
@Suite struct OutputTests {
    @Test(arguments: ["quantize", "convert"]) func anExistingOutputIsKeptWithoutForce(_ command: String) throws {
        let scratch = try QuantizeTests.scratch()
        try scratch.write("mine", to: "out.qamw")
        let refused = try scratch.qamw(command, "model.safetensors", "out.qamw")
        #expect(refused.status == 73)
        #expect(refused.errors == "qamw: out.qamw: it exists; --force replaces it\n")
        #expect(try scratch.bytes("out.qamw") == Array("mine".utf8))
        #expect(try scratch.qamw(command, "model.safetensors", "out.qamw", "--force").status == 0)
        #expect(try scratch.qamw("verify", "out.qamw").status == 0)
        #expect(try scratch.names == ["config.json", "model.safetensors", "out.qamw"])
    }

    @Test func theInputIsNeverTheOutput() throws {
        let scratch = try QuantizeTests.scratch()
        let before = try scratch.bytes("model.safetensors")
        let manager = FileManager.default
        try manager.linkItem(atPath: scratch.path("model.safetensors"), toPath: scratch.path("hard.qamw"))
        try manager.createSymbolicLink(atPath: scratch.path("soft.qamw"), withDestinationPath: "model.safetensors")
        for output in ["hard.qamw", "soft.qamw"] {
            for arguments in [["quantize", "--plain", "model.safetensors", output, "--force"], ["convert", "model.safetensors", output, "--force"]] {
                let outcome = try Command.run(arguments, in: scratch)
                #expect(outcome.status == 73)
                #expect(outcome.errors.contains("is an input"))
            }
        }
        let convert = try scratch.qamw("convert", "model.safetensors", "model.safetensors", "--force")
        #expect(convert.status == 73)
        let folder = try scratch.qamw("convert", ".", ".", "--to", "safetensors", "--force")
        #expect(folder.status == 73)
        #expect(try scratch.bytes("model.safetensors") == before)
    }

    @Test func aMissingFolderIsRefused() throws {
        let scratch = try QuantizeTests.scratch()
        for arguments in [
            ["quantize", "--plain", "model.safetensors", "no/out.qamw"], ["convert", "model.safetensors", "no/out.safetensors"],
            ["convert", "model.safetensors", "no/such/folder/", "--to", "safetensors"],
        ] {
            let outcome = try Command.run(arguments, in: scratch)
            #expect(outcome.status == 73)
            #expect(outcome.errors.contains("folder"))
        }
        #expect(try scratch.names == ["config.json", "model.safetensors"])
    }

    @Test func anOutputFolderGetsTheModelUnderItsName() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "new/").status == 0)
        #expect(scratch.exists("new/model.qamw"))
        #expect(try scratch.qamw("inspect", "new").status == 0)
        let back = try scratch.qamw("convert", "new/model.qamw", "back/", "--json").json
        #expect(back["output"]?.text == "back/")
        #expect(try scratch.bytes("back/config.json") == scratch.bytes("config.json"))
        #expect(try scratch.qamw("compare", "back", "new", "--max-nmse", "1e-4").status == 0)
    }

    // MARK: Interruption

    /// A model that takes seconds to quantize.
    private static func slowScratch() throws -> Scratch {
        let scratch = try Scratch()
        var tensors = [try TestModel.Tensor.weights("a.0.weight", 1024, 1024)]
        for index in 1..<6 {
            var copy = tensors[0]
            copy.name = "a.\(index).weight"
            // Identical tensors would be stored once.
            copy.bytes[0] = UInt8(index)
            tensors.append(copy)
        }
        try scratch.write(TestModel(tensors: tensors).safetensors, to: "in.safetensors")
        return scratch
    }

    /// Sends a signal after the first tensor is complete.
    private static func interrupt(_ process: Process, _ scratch: Scratch, _ signal: (Process) -> Void) throws {
        let journal = scratch.path("out.qamw.partial.journal")
        for _ in 0..<3000 {
            let size = try? FileManager.default.attributesOfItem(atPath: journal)[.size] as? Int
            if let size, size > 16 { break }
            try #require(process.isRunning, "the command ended before it could be interrupted")
            Thread.sleep(forTimeInterval: 0.01)
        }
        signal(process)
    }

    @Test func anInterruptedRunLeavesNothing() throws {
        let scratch = try Self.slowScratch()
        for isTermination in [false, true] {
            let outcome = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--bits", "3", "--threads", "1") { process in
                try Self.interrupt(process, scratch) { isTermination ? $0.terminate() : $0.interrupt() }
            }
            #expect(outcome.status == 130)
            #expect(outcome.errors == "qamw: out.qamw: interrupted; nothing is left of the output\n")
            #expect(try scratch.names == ["in.safetensors"])
        }
    }

    @Test func aResumedRunGivesTheBytesOfAnUndisturbedOne() throws {
        let scratch = try Self.slowScratch()
        let outcome = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--bits", "3", "--threads", "1", "--resume") { process in
            try Self.interrupt(process, scratch) { $0.interrupt() }
        }
        #expect(outcome.status == 130)
        #expect(outcome.errors.contains("goes on from here"))
        #expect(scratch.exists("out.qamw.partial") && !scratch.exists("out.qamw"))
        let changed = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--bits", "3.5", "--resume")
        #expect(changed.status == 73)

        let resumed = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--bits", "3", "--resume", "--json")
        #expect(resumed.status == 0)
        let whole = try scratch.qamw("quantize", "--plain", "in.safetensors", "whole.qamw", "--bits", "3", "--json")
        #expect(try scratch.bytes("out.qamw") == scratch.bytes("whole.qamw"))
        #expect(try resumed.json["nmse"] == whole.json["nmse"])
        #expect(try scratch.names == ["in.safetensors", "out.qamw", "whole.qamw"])
    }
}
