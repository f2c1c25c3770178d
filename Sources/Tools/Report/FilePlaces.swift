internal import Converters
internal import QAMFormat

/// Offsets of sections and tensors in a file.
struct FilePlaces {
    struct Section {
        var name: String
        var offset: Int
        var length: Int
        /// Bytes after decompression.
        var contentLength: Int
        /// XXH3 or, of a PyTorch file, CRC-32; nil if the format has no checksums.
        var checksum: UInt64?
        /// The file, if the model has several.
        var file: String?
    }

    struct Place {
        var offset: Int
        var file: String?
    }

    /// A file of a model that has several.
    struct Shard {
        var file: String
        var bytes: Int
        var tensors: Int
    }

    private(set) var sections: [Section] = []
    /// The files of a set, in order.
    private(set) var shards: [Shard] = []
    /// The offset of each tensor's payload in its file; of an alias, its target's.
    private(set) var tensors: [Place] = []

    init(_ model: ModelInput) throws {
        if let reader = model.reader {
            take(reader)
        } else if let gguf = model.gguf {
            take(gguf)
        } else if !model.pytorch.isEmpty {
            take(model.pytorch)
        } else {
            try take(files: model.source)
        }
    }

    private mutating func take(_ reader: QAMReader) {
        let files = reader.model.files
        let names = files.map { files.count > 1 ? Path.name(of: $0.bytes.name) : nil }
        for (file, name) in zip(files, names) {
            sections += file.sections.map {
                Section(name: $0.name, offset: $0.offset, length: $0.length, contentLength: $0.contentLength, checksum: $0.checksum, file: name)
            }
        }
        let starts = files.map { Dictionary(uniqueKeysWithValues: $0.sections.compactMap { entry in entry.known.map { ($0, entry.offset) } }) }
        tensors = reader.tensors.indices.map { index in
            var index = index
            if case .alias(let target) = reader.tensors[index].storage { index = target }
            let (file, local) = reader.model.located(index)
            guard let extent = files[file].directory.extents(of: local).first?.extent else { return Place(offset: 0, file: names[file]) }
            return Place(offset: starts[file][extent.section, default: 0] + extent.offset, file: names[file])
        }
        shards = zip(files, names).compactMap { file, name in
            name.map { Shard(file: $0, bytes: file.bytes.byteCount, tensors: file.directory.count) }
        }
    }

    private mutating func take(_ gguf: GGUFModel) {
        for shard in gguf.shards {
            let name = gguf.shards.count > 1 ? Path.name(of: shard.inputs[0]) : nil
            let header = shard.header
            let end = (try? FileStatus(shard.inputs[0]))?.byteCount ?? header.dataStart
            sections.append(Section(name: "header", offset: 0, length: header.end, contentLength: header.end, file: name))
            sections.append(
                Section(name: "data", offset: header.dataStart, length: end - header.dataStart, contentLength: end - header.dataStart, file: name))
            tensors += shard.tensors.indices.map { Place(offset: shard.range(of: $0).lowerBound, file: name) }
        }
    }

    /// The sections are the entries of the archives.
    private mutating func take(_ files: [PyTorchSource]) {
        for file in files {
            let name = files.count > 1 ? Path.name(of: file.inputs[0]) : nil
            sections += file.records.map {
                Section(
                    name: $0.name, offset: $0.range.lowerBound, length: $0.range.count, contentLength: $0.range.count, checksum: UInt64($0.checksum), file: name
                )
            }
            tensors += file.tensors.indices.map { Place(offset: file.offset(of: $0), file: name) }
        }
    }

    /// Reads the headers of safetensors files again.
    private mutating func take(files source: any TensorSource) throws {
        let paths = try source.inputs.filter { try FileKind.of(path: $0) == .safetensors }
        var places: [ExactName: Place] = [:]
        for path in paths {
            let file = try SafetensorsSource(path: path)
            let name = paths.count > 1 ? Path.name(of: path) : nil
            let payload = file.tensors.reduce(0) { $0 + $1.byteCount }
            let start = (try FileStatus(path)?.byteCount ?? payload) - payload
            sections.append(Section(name: "header", offset: 0, length: start, contentLength: start, file: name))
            sections.append(Section(name: "data", offset: start, length: payload, contentLength: payload, file: name))
            for (tensor, range) in zip(file.tensors, file.ranges) { places[ExactName(tensor.name)] = Place(offset: range.lowerBound, file: name) }
        }
        tensors = source.tensors.map { places[ExactName($0.name), default: Place(offset: 0)] }
    }
}
