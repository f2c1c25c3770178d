internal import Architectures
package import QAMFormat

extension ModelWeights {
    /// The weights of a mapped file's language model with Hugging Face's names, whatever precedes them.
    package static func textModel(_ reader: QAMReader, exact: Bool) -> ModelWeights {
        guard let model = TextModel(reader.tensors), !model.isCanonical else { return .mapped(reader, exact: exact) }
        let places = reader.tensors.compactMap { tensor in model.name(tensor.name).map { ($0, Place(name: tensor.name)) } }
        return .mapped(reader, exact: exact, places: Dictionary(places) { first, _ in first })
    }

    /// The weights of a mapped file with GGUF's names, by Hugging Face's; nil where more than names and the order of rows differs from Hugging Face's.
    package static func renamed(_ reader: QAMReader, exact: Bool) throws -> ModelWeights? {
        guard let counterparts = try HuggingFaceCounterparts(of: reader) else { return nil }
        var places: [String: ModelWeights.Place] = [:]
        for tensor in reader.tensors {
            guard let counterpart = counterparts[tensor.name] else { continue }
            switch counterpart.difference {
            case .none: places[counterpart.name] = Place(name: tensor.name)
            case .interleaved(let heads):
                guard let order = HeadPermutation(heads: heads, .toHalves).order(rows: tensor.shape.first ?? 0) else { return nil }
                places[counterpart.name] = Place(name: tensor.name, order: order)
            case .values: return nil
            }
        }
        return .mapped(reader, exact: exact, places: places)
    }
}
