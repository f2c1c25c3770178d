import Architectures
import Converters
import QAMFormat
import Testing

/// What holds for every architecture, on models that are made from its table.
@Suite struct ArchitectureTableTests {
    private static func contents(_ source: any TensorSource) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for (index, tensor) in source.tensors.enumerated() {
            guard case .raw = tensor.storage else { continue }
            contents["\(tensor.name) \(tensor.shape)"] = try payload(source, index)[0]
        }
        return contents
    }

    @Test(arguments: ArchitectureTable.all) func everyTensorComesBack(_ table: ArchitectureTable) throws {
        let source = try table.source()
        let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
        #expect(gguf.metadata["general.architecture"] == .string(table.architecture.gguf))
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        #expect(try Self.contents(back) == Self.contents(source))
        // In chunks of any size.
        for (index, tensor) in gguf.tensors.enumerated() {
            let whole = try payload(gguf, index)[0], unit = max(1, gguf.granule(of: index)), step = 5 * unit
            var pieces: [UInt8] = []
            for start in stride(from: 0, to: tensor.byteCount, by: step) {
                pieces += try gguf.read(start..<min(start + step, tensor.byteCount), of: index).streams[0]
            }
            #expect(pieces == whole, "\(tensor.name)")
        }
    }

    /// From the metadata that other converters write too.
    @Test(arguments: ArchitectureTable.all) func aConfigurationIsMadeFromOtherKeys(_ table: ArchitectureTable) throws {
        let source = try table.source()
        let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
        var metadata = Metadata()
        for entry in gguf.metadata.entries where !entry.key.hasPrefix("qamw.") || entry.key == "qamw.hf.model_type" { metadata.set(entry.key, entry.value) }
        let back = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
        #expect(try Self.contents(back) == Self.contents(source))
        let file = try #require(back.files.first { $0.name == "config.json" })
        let made = try ModelConfig(try file.read(0..<file.byteCount)), given = try ModelConfig(ArchitectureModels.configFile(table.config).bytes)
        for key in table.architecture.hyperparameters.map(\.config) where given[key] != nil {
            #expect(made[key] == given[key], "\(key)")
        }
    }

    @Test(arguments: ArchitectureTable.all) func anIncompleteModelIsRefused(_ table: ArchitectureTable) throws {
        let source = try table.source()
        for left in source.tensors.indices where source.tensors[left].name != table.architecture.headName {
            var less = MemorySource(files: source.files)
            for (index, tensor) in source.tensors.enumerated() where index != left { less.add(tensor.name, tensor.shape, .bf16, source.payloads[index][0]) }
            let incomplete = less
            #expect(throws: QAMError.self, "\(source.tensors[left].name)") { try ModelNames.gguf.applied(to: incomplete, strict: false) }
        }
    }

    @Test func namesAreUnique() {
        let types = Architecture.all.flatMap(\.modelTypes)
        #expect(Set(types).count == types.count)
        for architecture in Architecture.all {
            let names = architecture.tensors.filter(\.conditions.isEmpty).map(\.gguf)
            #expect(Set(names).count == names.count, "\(architecture.modelTypes)")
        }
    }
}
