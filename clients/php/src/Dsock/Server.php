<?php

declare(strict_types=1);

namespace Fantail\Dsock;

use Fantail\WebSocket\ConnectException;
use Fantail\WebSocket\Options;
use Fantail\WebSocket\Stream;
use Fantail\WebSocket\Url;

/**
 * One HTTP request after the other, each on a connection of its own.
 *
 * @internal
 */
final class Server
{
    /** No answer is longer, in bytes. */
    private const LONGEST_ANSWER = 67_108_864;

    private readonly Url $url;
    private readonly string $prefix;

    /** @param array<string, mixed> $tls "SSL context options" of PHP's manual */
    public function __construct(
        string $url,
        private readonly float $timeout,
        private readonly array $tls,
    ) {
        if (preg_match('#\Ahttp(s?)://([^/?\#@]+)((?:/[^?\#\x00-\x20\x7f-\xff]*)?)\z#i', $url, $parts) !== 1) {
            throw new \InvalidArgumentException('The address of a server is like http://127.0.0.1:6241');
        }
        $this->url = Url::parse("ws$parts[1]://$parts[2]/");
        $this->prefix = rtrim($parts[3], '/');
    }

    /**
     * Makes a request.
     *
     * @param string                $target path and query
     * @param array<string, string> $fields of the header
     *
     * @throws NoAnswerException
     */
    public function ask(
        string $method,
        string $target,
        #[\SensitiveParameter] array $fields,
        string $body,
    ): Answer {
        $fields += [
            'Host' => $this->url->authority(),
            'Connection' => 'close',
            'Content-Length' => (string) strlen($body),
        ];
        $head = "$method $this->prefix$target HTTP/1.1\r\n";
        foreach ($fields as $name => $value) {
            $head .= "$name: $value\r\n";
        }
        $deadline = self::now() + $this->timeout;
        $stream = $this->open();
        try {
            $this->write($stream, "$head\r\n$body", $deadline);
            return $this->read($stream, $deadline);
        } finally {
            $stream->close();
        }
    }

    private function open(): Stream
    {
        try {
            return Stream::open($this->url, new Options(tls: $this->tls, timeout: $this->timeout));
        } catch (ConnectException $exception) {
            throw new NoAnswerException($exception->getMessage(), 0, $exception);
        }
    }

    private function write(
        Stream $stream,
        #[\SensitiveParameter] string $bytes,
        float $deadline,
    ): void {
        $position = 0;
        while ($position < strlen($bytes)) {
            $this->wait($stream, $deadline, writing: true);
            $written = $stream->write(substr($bytes, $position, 1_048_576));
            if ($written === null) {
                // It may have said why it takes no more.
                return;
            }
            $position += $written;
        }
    }

    private function read(Stream $stream, float $deadline): Answer
    {
        $received = '';
        do {
            $this->wait($stream, $deadline, writing: false);
            $part = $stream->read();
            $received .= $part;
            if (strlen($received) > self::LONGEST_ANSWER) {
                throw new NoAnswerException('The answer is too long.');
            }
            $answer = Answer::parse($received, $part === '' && $stream->isAtEnd());
        } while ($answer === null);
        return $answer;
    }

    private function wait(Stream $stream, float $deadline, bool $writing): void
    {
        $left = $deadline - self::now();
        if ($left <= 0 || !$stream->wait($left, !$writing, $writing)) {
            throw new NoAnswerException("No answer within $this->timeout s.");
        }
    }

    private static function now(): float
    {
        return hrtime(true) / 1e9;
    }
}
