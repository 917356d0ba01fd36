<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/**
 * The members of a JSON object in an answer. What is missing or of another type is no answer of
 * dSock.
 *
 * @internal
 */
final class Members
{
    private const DEPTH = 16;

    /** @param array<mixed> $members */
    private function __construct(private readonly array $members, private readonly Answer $answer)
    {
    }

    public static function of(Answer $answer): self
    {
        $members = json_decode($answer->body, true, self::DEPTH, JSON_BIGINT_AS_STRING);
        return new self(is_array($members) ? $members : [], $answer);
    }

    public function text(string $name): string
    {
        return $this->optionalText($name) ?? throw $this->unexpected();
    }

    public function optionalText(string $name): ?string
    {
        $value = $this->members[$name] ?? null;
        return $value === null || is_string($value) ? $value : throw $this->unexpected();
    }

    public function number(string $name): int
    {
        $value = $this->members[$name] ?? null;
        return is_int($value) ? $value : throw $this->unexpected();
    }

    public function object(string $name): self
    {
        return $this->inner($this->members[$name] ?? null);
    }

    /** @return list<self> */
    public function list(string $name): array
    {
        $list = $this->members[$name] ?? null;
        return array_map($this->inner(...), is_array($list) ? array_values($list) : throw $this->unexpected());
    }

    /** @return list<string> info() tells of no channels as of one without a name */
    public function channels(): array
    {
        $channels = $this->members['channels'] ?? null;
        if (!is_array($channels) || $channels !== array_filter($channels, is_string(...))) {
            throw $this->unexpected();
        }
        return array_values(array_filter($channels, static fn (string $name): bool => $name !== ''));
    }

    public function isTrue(string $name): bool
    {
        return ($this->members[$name] ?? null) === true;
    }

    public function unexpected(): RefusedException
    {
        return RefusedException::unexpected($this->answer);
    }

    private function inner(mixed $value): self
    {
        return new self(is_array($value) ? $value : throw $this->unexpected(), $this->answer);
    }
}
