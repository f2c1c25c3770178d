import QAMFormat
import Testing

@Suite struct NameIndexTests {
    private struct Names {
        var index: NameIndex
        var all: [String]

        init(_ all: [String]) {
            index = NameIndex(capacity: all.count)
            self.all = all
        }

        mutating func insert(_ position: Int) -> Bool {
            let name = Array(all[position].utf8), all = all
            return index.insert(position, hash: NameIndex.hash(name.span)) { all[$0].utf8.elementsEqual(name) }
        }

        func position(of name: String) -> Int? {
            let name = Array(name.utf8)
            return index.position(hash: NameIndex.hash(name.span)) { all[$0].utf8.elementsEqual(name) }
        }
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5, 31, 32, 33, 1000])
    func everyNameIsFoundAndNoOther(count: Int) {
        var names = Names((0..<count).map { "t\($0)" })
        let entered = (0..<count).filter { names.insert($0) }
        #expect(entered == Array(0..<count))
        for position in 0..<count { #expect(names.position(of: "t\(position)") == position) }
        for name in ["", "t", "t\(count)", "T0"] { #expect(names.position(of: name) == nil) }
    }

    @Test func aNameIsEnteredOnce() {
        var names = Names(["t0", "t1", "t2", "t0"])
        let entered = (0..<4).filter { names.insert($0) }
        #expect(entered == [0, 1, 2])
        #expect(names.position(of: "t0") == 0)
    }
}
