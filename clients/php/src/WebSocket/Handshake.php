<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * The opening handshake of a client: RFC 6455 section 4.1.
 *
 * @internal
 */
final class Handshake
{
    /** More than any server needs to say. */
    public const LONGEST_HEAD = 16384;
    private const LONGEST_BODY = 1024;
    private const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

    private readonly string $key;

    public function __construct(private readonly Url $url, private readonly Options $options)
    {
        $this->key = base64_encode(random_bytes(16));
    }

    /** The request. */
    public function request(): string
    {
        $fields = [
            'Host' => $this->url->authority(),
            'Upgrade' => 'websocket',
            'Connection' => 'Upgrade',
            'Sec-WebSocket-Key' => $this->key,
            'Sec-WebSocket-Version' => '13',
        ];
        if ($this->options->origin !== null) {
            $fields['Origin'] = $this->options->origin;
        }
        if ($this->options->subprotocols !== []) {
            $fields['Sec-WebSocket-Protocol'] = implode(', ', $this->options->subprotocols);
        }
        $request = "GET {$this->url->target} HTTP/1.1\r\n";
        foreach ($fields + $this->options->headers as $name => $value) {
            if (preg_match('/\A[!#$%&\'*+.^_`|~0-9A-Za-z-]+\z/', (string) $name) !== 1
                || preg_match('/[\x00-\x08\x0a-\x1f\x7f]/', $value) === 1
            ) {
                throw new \InvalidArgumentException("Not a header field: $name");
            }
            $request .= "$name: $value\r\n";
        }
        return "$request\r\n";
    }

    /** Checks the answer's head; the subprotocol that the server chose, empty if none. */
    public function check(string $head): string
    {
        $lines = explode("\r\n", $head);
        if (preg_match('#\AHTTP/1\.[0-9] ([0-9]{3})(?: (.*))?\z#', $lines[0], $status) !== 1) {
            throw new HandshakeException('What answers is no web server.');
        }
        $code = (int) $status[1];
        if ($code !== 101) {
            $meaning = rtrim("$code " . ($status[2] ?? ''));
            throw new HandshakeException("The server refuses the connection: $meaning", $code);
        }
        $fields = self::fields(array_slice($lines, 1));
        $accept = base64_encode(sha1($this->key . self::GUID, true));
        $faults = [
            'Upgrade' => strtolower($fields['upgrade'] ?? '') !== 'websocket',
            'Connection' => !in_array('upgrade', self::tokens($fields['connection'] ?? ''), true),
            'Sec-WebSocket-Accept' => ($fields['sec-websocket-accept'] ?? '') !== $accept,
            // None was offered.
            'Sec-WebSocket-Extensions' => ($fields['sec-websocket-extensions'] ?? '') !== '',
        ];
        $fault = array_search(true, $faults, true);
        $subprotocol = $fields['sec-websocket-protocol'] ?? '';
        if ($fault === false && $subprotocol !== ''
            && !in_array($subprotocol, $this->options->subprotocols, true)
        ) {
            $fault = 'Sec-WebSocket-Protocol';
        }
        if ($fault !== false) {
            throw new HandshakeException("The server's $fault field is missing or wrong.", $code);
        }
        return $subprotocol;
    }

    /** The refusal with what the server said about it. */
    public static function explained(HandshakeException $refusal, string $body): HandshakeException
    {
        $body = trim(substr($body, 0, self::LONGEST_BODY));
        $isText = $body !== '' && preg_match('/\A[^\x00-\x08\x0e-\x1f<]*\z/u', $body) === 1;
        $message = $refusal->getMessage() . ($isText ? ": $body" : '');
        return new HandshakeException($message, $refusal->status, $body);
    }

    /**
     * @param  list<string>          $lines
     * @return array<string, string> by name in lower case
     */
    private static function fields(array $lines): array
    {
        $fields = [];
        foreach ($lines as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $name = strtolower(trim($name));
            $fields[$name] = isset($fields[$name])
                ? $fields[$name] . ', ' . trim($value)
                : trim($value);
        }
        return $fields;
    }

    /** @return list<string> in lower case */
    private static function tokens(string $list): array
    {
        return array_map(static fn (string $token): string => strtolower(trim($token)), explode(',', $list));
    }
}
