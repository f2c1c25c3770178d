internal import ArgumentParser
internal import Authenticity
internal import Converters
internal import QAMFormat

struct Sign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sign the content of a model.",
        discussion: """
            The signature is of the tensors, the embedded files and the metadata, as checksum --content hashes them: it holds for the model in any \
            container, shards and layout, and for no model that differs in anything else. Ed25519 keys are those of openssl genpkey and \
            openssl pkey -pubout. A damaged .qamw file is not signed.

            Example:
              openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -out public.pem
              qamw sign llama.qamw --key key.pem -o llama.sig && qamw verify llama.qamw --key public.pem --signature llama.sig
            """)

    @Argument(help: "The model.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The private key, Ed25519 in PEM.", valueName: "private"), completion: .file(extensions: ["pem"]))
    var key: String

    @Option(
        name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("The signature to write.", valueName: "signature"), completion: .file())
    var output: String

    @Flag(help: "Replace an existing signature.")
    var force = false

    @Flag(help: "Print no progress and, on success, nothing else.")
    var quiet = false

    @OptionGroup var threads: ThreadOptions

    func run() async throws {
        let signer = try SigningKey(path: key)
        let model = try ModelInput(path: file, takingFiles: true)
        let set = try OutputSet(inputs: model.source.inputs + [key], replacing: force)
        do {
            try set.check(output)
            try await model.requireSound(threads: threads.count, quiet: quiet)
            let signature = try signer.sign(root: try await model.contentHashes(threads: threads.count, quiet: quiet).root)
            try set.add(output, bytes: Array(signature.text.utf8))
            try set.commit([output])
            if !quiet { try Console.print("\(Format.printable(output)): signature of \(Format.hexadecimal(signature.root))") }
        } catch let error as QAMError {
            set.discard(keepingPartial: false)
            throw error.inFile(file)
        }
    }
}
