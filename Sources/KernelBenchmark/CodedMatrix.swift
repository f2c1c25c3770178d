internal import QAMFormat
internal import Quantization

/// What codes, decodes and multiplies the rows of a matrix with one code and the kernels for one set of processor features.
struct CodedMatrix {
    let encoder: RowEncoder
    let decoder: any TensorDecoder
    let product: any MatrixProduct
    let kernels: Kernels

    init(_ coder: any GroupCoder, columns: Int, blockSize: Int, _ kernels: Kernels) throws {
        self.kernels = kernels
        let isRotated = coder.code.family.isRotated
        encoder = try RowEncoder(
            coder, columns: columns, blockSize: isRotated ? blockSize : nil, seed: 1, gainType: .float16, kernels: kernels)
        let codebook = coder.codebook
        let coding = encoder.coding(sourceType: nil, codebook: codebook == nil ? nil : 0, seed: isRotated ? 0 : nil)
        let tensor = TensorDescriptor(name: coder.code.family.name, shape: [coder.code.family.groupRows, columns], storage: .coded(coding))
        let shared = SharedTables(codebooks: codebook.map { [$0] } ?? [], seeds: [1]), whole: [[UInt8]] = coding.streams.map { _ in [] }
        decoder = try CodecRegistry.decoder(for: tensor, shared: shared, wholeStreams: whole, kernels: kernels)
        product = try CodecRegistry.product(for: tensor, shared: shared, wholeStreams: whole, kernels: kernels)
    }

    var code: Code { encoder.layout.code }
    var layout: RowLayout { encoder.layout }

    /// Gains of 1, as they are stored.
    func gains(rows: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<rows { _ = encoder.layout.gainType.append(1, to: &bytes) }
        return bytes
    }
}
