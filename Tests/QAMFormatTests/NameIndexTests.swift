import QAMFormat
import Testing

@Suite struct NameIndexTests {
    private static func tensors(_ count: Int) -> [TensorDescriptor] {
        (0..<count).map { TensorDescriptor(name: "t\($0)", shape: [], storage: .raw(.u8)) }
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5, 31, 32, 33, 1000])
    func everyNameIsFoundAndNoOther(count: Int) {
        let tensors = Self.tensors(count)
        var index = NameIndex(capacity: count)
        let entered = tensors.indices.filter { index.insert($0, of: tensors) }
        #expect(entered == Array(tensors.indices))
        for position in tensors.indices { #expect(index.position(of: "t\(position)", in: tensors) == position) }
        for name in ["", "t", "t\(count)", "T0"] { #expect(index.position(of: name, in: tensors) == nil) }
    }

    @Test func aNameIsEnteredOnce() {
        let tensors = Self.tensors(3) + Self.tensors(1)
        var index = NameIndex(capacity: 4)
        let entered = tensors.indices.filter { index.insert($0, of: tensors) }
        #expect(entered == [0, 1, 2])
        #expect(index.position(of: "t0", in: tensors) == 0)
    }
}
