<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** A WebSocket URL: RFC 6455 section 3. */
final class Url
{
    private function __construct(
        public readonly bool $secure,
        /** As it stands in the URL: IPv6 addresses in brackets. */
        public readonly string $host,
        public readonly int $port,
        /** Path and query, as the request line has them. */
        public readonly string $target,
    ) {
    }

    /** @throws \InvalidArgumentException if it is none */
    public static function parse(string $url): self
    {
        $parts = preg_match('/[\x00-\x20\x7f]/', $url) === 1 ? false : parse_url($url);
        $scheme = strtolower((string) ($parts['scheme'] ?? ''));
        if ($parts === false || !in_array($scheme, ['ws', 'wss'], true) || !isset($parts['host'])) {
            throw new \InvalidArgumentException("Not a URL like ws://host:port/path: $url");
        }
        foreach (['user', 'pass', 'fragment'] as $part) {
            if (isset($parts[$part])) {
                throw new \InvalidArgumentException("A WebSocket URL has no $part.");
            }
        }
        $secure = $scheme === 'wss';
        $query = isset($parts['query']) ? "?{$parts['query']}" : '';
        $port = $parts['port'] ?? ($secure ? 443 : 80);
        return new self($secure, $parts['host'], $port, ($parts['path'] ?? '/') . $query);
    }

    /** The Host field: the port stands there only if it is not the usual one. */
    public function authority(): string
    {
        return $this->port === ($this->secure ? 443 : 80) ? $this->host : "$this->host:$this->port";
    }

    /** The address for PHP's streams. */
    public function transport(): string
    {
        return ($this->secure ? 'tls' : 'tcp') . "://$this->host:$this->port";
    }
}
