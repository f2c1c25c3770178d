internal import Architectures
package import QAMFormat

/// A folder with a LoRA adapter of PEFT: adapter_config.json and adapter_model.safetensors or adapter_model.bin.
package struct AdapterFolder: Sendable {
    package let adapter: LoRAAdapter
    /// The adapter's file.
    package let weights: HuggingFaceFolder

    private static let weightFiles = ["adapter_model.safetensors", "adapter_model.bin"]

    /// Throws `notFound` if the folder or a file is missing, `unsupported` with the name of what cannot be merged, and what the reader of
    /// the file throws.
    package init(_ path: String) throws {
        guard try FileStatus(path)?.kind == .folder, try Self.isAdapter(path) else {
            throw QAMError(.notFound, "there is no folder of a LoRA adapter, with \(LoRAAdapter.configurationName)", at: .init(file: path))
        }
        guard let name = try Self.weightFiles.first(where: { try FileStatus(Path.join(path, $0)) != nil }) else {
            throw QAMError(
                .notFound, "the folder has \(LoRAAdapter.configurationName), but neither \(Self.weightFiles.joined(separator: " nor "))", at: .init(file: path))
        }
        weights = try HuggingFaceFolder(path: Path.join(path, name))
        adapter = try LoRAAdapter(configuration: DiskFile(path: Path.join(path, LoRAAdapter.configurationName)), source: weights)
    }

    /// Whether a folder holds an adapter's configuration.
    package static func isAdapter(_ folder: String) throws -> Bool { try FileStatus(Path.join(folder, LoRAAdapter.configurationName)) != nil }

    /// A model's weights with the adapters in these folders merged into them; the weights as they are if there are none.
    package static func merged(_ folders: [String], into weights: any TensorSource) throws -> any TensorSource {
        folders.isEmpty ? weights : try MergingSource(weights, merging: folders.map { try AdapterFolder($0).adapter })
    }

    /// The config.json of the model that an adapter in `folder` belongs to: `given`, a folder or the file itself; else the one beside the
    /// adapter, or in the local folder that the adapter names. Throws `notFound`.
    package static func modelConfiguration(of adapter: LoRAAdapter, in folder: String, given: String?) throws -> DiskFile {
        func file(in path: String) throws -> DiskFile? {
            let isFolder = try FileStatus(path)?.kind == .folder
            let file = isFolder ? Path.join(path, ModelConfig.name) : path
            return try FileStatus(file)?.kind == .file && Path.name(of: file) == ModelConfig.name ? DiskFile(path: file) : nil
        }
        if let given {
            guard let file = try file(in: given) else { throw QAMError(.notFound, "there is no \(ModelConfig.name)", at: .init(file: given)) }
            return file
        }
        for path in [folder] + [adapter.baseModel].compactMap(\.self) {
            if let file = try file(in: path) { return file }
        }
        let name = adapter.baseModel.map { ", \($0)," } ?? ""
        throw QAMError(.notFound, "the configuration of the adapter's model\(name) is needed: give the model's folder with --base", at: .init(file: folder))
    }
}
