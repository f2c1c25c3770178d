internal import QAMFormat

/// Compiles the tree of a regular expression to a program.
struct NamePatternCompiler {
    /// The maximum number of instructions: each is evaluated once per character of a name. Nested counts multiply, so a short expression may need many.
    private static let maximumLength = 4096

    private var program: [NamePattern.Instruction] = []

    /// Throws `invalidArgument` for an expression that is too long.
    static func program(_ node: NamePatternNode) throws -> [NamePattern.Instruction] {
        var compiler = NamePatternCompiler()
        try compiler.compile(node)
        try compiler.append(.match)
        return compiler.program
    }

    private mutating func append(_ instruction: NamePattern.Instruction) throws {
        guard program.count < Self.maximumLength else {
            throw QAMError(.invalidArgument, "the regular expression is too long: with its counts written out it has more than \(Self.maximumLength) steps")
        }
        program.append(instruction)
    }

    private mutating func compile(_ node: NamePatternNode) throws {
        switch node {
        case .empty: break
        case .scalar(let set): try append(.scalar(set))
        case .assertion(let assertion): try append(.assertion(assertion))
        case .sequence(let nodes): for node in nodes { try compile(node) }
        case .alternatives(let nodes): try compile(alternatives: nodes)
        case .counted(let node, let least, let most): try compile(node, least: least, most: most)
        }
    }

    private mutating func compile(alternatives nodes: [NamePatternNode]) throws {
        var jumps: [Int] = []
        for (index, node) in nodes.enumerated() {
            guard index < nodes.count - 1 else {
                try compile(node)
                break
            }
            let split = program.count
            try append(.split(split + 1, split))
            try compile(node)
            jumps.append(program.count)
            try append(.jump(0))
            program[split] = .split(split + 1, program.count)
        }
        for jump in jumps { program[jump] = .jump(program.count) }
    }

    private mutating func compile(_ node: NamePatternNode, least: Int, most: Int?) throws {
        // An empty expression is compiled once, whatever its count: nested counts would otherwise compile it a thousand times a thousand times for no
        // instruction.
        let start = program.count
        for index in 0..<least {
            try compile(node)
            if index == 0, program.count == start { return }
        }
        guard let most else {
            let split = program.count
            try append(.split(split + 1, split))
            try compile(node)
            try append(.jump(split))
            program[split] = .split(split + 1, program.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(program.count)
            try append(.split(0, 0))
            try compile(node)
        }
        for split in splits { program[split] = .split(split + 1, program.count) }
    }
}
